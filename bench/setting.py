"""What every bench needs: two servers with nothing in them, and runs that are accounted for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil


@dataclass(frozen=True)
class Run:
    """One run of mailvault, as the kernel accounts for it.

    Attributes:
        seconds: Wall time.
        cpu: CPU seconds, user and system.
        peak: Peak resident memory of its largest process, in bytes.
        said: What it printed.
    """

    seconds: float
    cpu: float
    peak: int
    said: str


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
        started = time.monotonic()
        with (self.directory / "said").open("w+b") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "mailvault", *arguments],
                env={**os.environ, **self.environment}, stdout=said, stderr=said,
                cwd=self.directory,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            text = said.read().decode()
        seconds = time.monotonic() - started
        print(f"mailvault {' '.join(arguments)}: {seconds:.1f} s", flush=True)
        if process.returncode:
            raise click.ClickException(text)
        return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


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
