"""One PostgreSQL for a measurement, its databases, and what they cost it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
import psycopg

from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Server:
    """A PostgreSQL with nothing in it, as `initdb` sets it up."""

    directory: Path

    def dsn(self, database: str = "postgres") -> str:
        """Return the way to a database, in words that every driver reads."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database like another one, and return the way there."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"drop database if exists {database} with (force)")
            connection.execute(
                f"create database {database} template {template} strategy file_copy"
            )
            connection.execute("checkpoint")
        return self.dsn(database)

    def cpu(self) -> float:
        """CPU seconds so far, of the server and of all that it started."""
        postmaster = self._postmaster()
        times = postmaster.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        for child in postmaster.children():
            try:
                of_child = child.cpu_times()
            except psutil.NoSuchProcess:
                continue  # it counts among the ended ones from now on
            total += of_child.user + of_child.system
        return float(total)

    def scheduled(self) -> dict[int, float]:
        """Seconds that each process of the server was on a CPU, by the scheduler's account.

        The other account is kept by a look at each tick of the clock, which is when timers wake
        those who do little.
        """
        postmaster = self._postmaster()
        return {
            one.pid: int(Path(f"/proc/{one.pid}/schedstat").read_text("ascii").split()[0]) / 1e9
            for one in (postmaster, *postmaster.children())
        }

    def _postmaster(self) -> psutil.Process:
        postmaster = embedded.postmaster(self.directory)
        assert postmaster is not None
        return postmaster


@contextmanager
def server() -> Iterator[Server]:
    """Start PostgreSQL from its wheel; it ends, with what it holds, with the block."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        directory = Path(name) / "postgres"
        embedded.start_postgres(directory)
        try:
            yield Server(directory)
        finally:
            embedded.stop_postgres(directory)


def settle(dsn: str) -> None:
    """Leave no work of the preparation to the time that is measured."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
