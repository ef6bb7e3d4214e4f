"""What every bench needs: two servers with nothing in them, and mailvault run on them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.run import Run, run
from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil


@dataclass(frozen=True)
class Setting:
    """PostgreSQL and S3 with nothing in them, and the settings that lead there."""

    directory: Path
    environment: dict[str, str]
    store: psutil.Process
    postgres: psutil.Process

    @property
    def dsn(self) -> str:
        """Of the database."""
        return self.environment["DATABASE_URL"]

    def run(self, *arguments: str) -> Run:
        """Run mailvault to its end."""
        done = run(
            (sys.executable, "-m", "mailvault", *arguments), self.environment, self.directory
        )
        print(f"mailvault {' '.join(arguments)}: {done.seconds:.1f} s", flush=True)
        return done


@contextmanager
def servers() -> Iterator[Setting]:
    """Start both servers from their wheels; they end, with what they hold, with the block."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        directory = Path(name)
        store = embedded.S3Server(directory / "s3")
        dsn = embedded.start_postgres(directory / "postgres")
        store.start()
        processes = store.process(), embedded.postmaster(directory / "postgres")
        assert processes[0] is not None
        assert processes[1] is not None
        environment = embedded.environment(dsn, store.endpoint)
        environment["MIGRATION_FILES_ROOT"] = str(directory / "files")
        try:
            setting = Setting(directory, environment, *processes)
            setting.run("init", "--example")
            yield setting
        finally:
            store.stop()
            embedded.stop_postgres(directory / "postgres")
