"""What one run after the other uses: a PostgreSQL of its own, which faults kill, and a store."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy import embedded
from tests.application import Application
from tests.fault.seeds.reader import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = "base"


class Slot:
    """Servers below a directory; databases and buckets are made anew for each run."""

    def __init__(self, directory: Path, store: dict[str, str]) -> None:
        self.directory = directory
        self.store = store
        self._postgres = directory / "postgres"
        directory.mkdir(parents=True, exist_ok=True)
        self._dsn = embedded.start_postgres(self._postgres)
        with psycopg.connect(self._dsn, autocommit=True) as admin:
            # What is killed is the server and not the machine: nothing is lost by this.
            admin.execute("alter system set fsync = off")
            admin.execute("select pg_reload_conf()")
            admin.execute(f"drop database if exists {TEMPLATE}")
            admin.execute(f"create database {TEMPLATE}")
        application = Application(make_conninfo(self._dsn, dbname=TEMPLATE), directory)
        audit = (Path(__file__).parent / "audit.sql").read_text()
        application.connection.execute(audit)
        application.connection.close()

    def close(self) -> None:
        """End the server."""
        embedded.stop_postgres(self._postgres)

    def kill_postgres(self) -> None:
        """Stop the server as `pg_ctl -m immediate` does: nothing is written down, nobody told."""
        process = embedded.postmaster(self._postgres)
        assert process is not None
        process.send_signal(signal.SIGQUIT)
        process.wait(embedded.START_TIMEOUT)

    def start_postgres(self) -> None:
        """Start the server again, or find it running."""
        embedded.start_postgres(self._postgres)

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Make a database with mailvault and the application's tables in it; yield its DSN."""
        identifier = sql.Identifier(name)
        with psycopg.connect(self._dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
            admin.execute(
                sql.SQL("create database {} template {}").format(
                    identifier, sql.Identifier(TEMPLATE)
                )
            )
        yield make_conninfo(self._dsn, dbname=name)
        with psycopg.connect(self._dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(identifier))

    def bucket(self, name: str) -> Bucket:
        """A bucket that lasts for the length of a block."""
        return Bucket(name, self.store)
