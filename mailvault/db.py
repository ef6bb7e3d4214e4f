"""Connections to PostgreSQL, and the named queries of sql/."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psycopg
from psycopg.errors import (
    ReadOnlySqlTransaction,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedTable,
)
from psycopg.rows import TupleRow

from mailvault.errors import ConfigError, MailvaultError, UnreachableError
from mailvault.faults import AWAY, FULL, diagnose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from psycopg.abc import PQGen

    from mailvault.config import Settings

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a new connection, and for the first answer on it."""

_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": round(CONNECT_TIMEOUT),
    # A server that vanished without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "mailvault",
    "client_encoding": "utf8",  # a database in SQL_ASCII would answer in bytes
}

SILENCE = 60.0
"""Seconds without a byte from PostgreSQL after which a worker gives a connection up: where a proxy
still acknowledges what nobody answers, TCP does not notice."""

HURRY = 3.0
"""The same, and the time for a new connection, once the worker was asked to stop."""

_GONE = (UndefinedTable, UndefinedColumn, UndefinedFunction)

_CHANGED = "ask mailvault doctor what the mapping misses, and then run mailvault init"

RV = TypeVar("RV")

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def sql_directory() -> Traversable:
    """Return the directory that sql/ is, in a checkout and in a wheel."""
    return files("mailvault") / "sql"


@cache
def _queries(topic: str) -> dict[str, str]:
    text = (sql_directory() / "queries" / f"{topic}.sql").read_text(encoding="utf-8")
    _, *rest = _NAME.split(text)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def query(topic: str, name: str) -> str:
    """Return the query `-- name: <name>` of sql/queries/<topic>.sql."""
    return _queries(topic)[name]


def dsn(settings: Settings) -> str:
    """Return the connection string, with what every connection of ours has.

    Raises:
        ConfigError: It cannot be read.
    """
    return _dsn("DATABASE_URL", settings.database_url.get_secret_value())


def source_dsn(settings: Settings) -> str | None:
    """Return that of the replica that mail is read from, if there is one.

    Raises:
        ConfigError: It cannot be read.
    """
    given = settings.source_database_url.get_secret_value()
    return _dsn("SOURCE_DATABASE_URL", given) if given else None


def _dsn(name: str, given: str) -> str:
    try:
        parameters: dict[str, Any] = {**_DEFAULTS, **psycopg.conninfo.conninfo_to_dict(given)}
        return psycopg.conninfo.make_conninfo("", **parameters)
    except psycopg.ProgrammingError:
        # libpq's own words may repeat the password.
        raise ConfigError(
            f"{name} is not a PostgreSQL connection string",
            hint="it looks like postgresql://user:password@host:5432/database",
        ) from None


def first_line(error: Exception) -> str:
    """Return what an error says, without the context that PostgreSQL adds below."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip()


def explain(error: psycopg.Error) -> MailvaultError:
    """Turn what PostgreSQL or its client says into an error of ours, in one line."""
    if diagnose(error) in {AWAY, FULL}:
        return _unreachable(error)
    hint = _CHANGED if isinstance(error, _GONE) else ""
    return MailvaultError(f"PostgreSQL refuses: {first_line(error)}", hint=hint)


def _unreachable(error: psycopg.Error) -> UnreachableError:
    said = first_line(error)
    return UnreachableError(
        f"PostgreSQL cannot be reached: {said}",
        hint="check DATABASE_URL (or libpq's PGHOST, PGUSER, PGDATABASE, …) and the server",
    )


class Connection(psycopg.Connection[TupleRow]):
    """A connection in autocommit that knows whether a pooler is in between.

    Attributes:
        pooled: Whether there is one. In its transaction mode each transaction may run in another
            session: no LISTEN, no SET, no prepared statements, no session locks.
        silence: Seconds without a byte of an answer after which it is given up; None for no limit.
        stop: When set, the limit is `HURRY`.
    """

    pooled = False
    silence: float | None = None
    stop: threading.Event | None = None

    def find_pooler(self) -> None:
        """Find out what is in between: a pooler hands on the session that answers, not its own."""
        row = self.execute(query("connection", "backend_pid")).fetchone()
        self.pooled = row is None or row[0] != self.info.backend_pid
        if self.pooled:
            self.prepare_threshold = None

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Wait for an answer, as psycopg does, but not longer than the limit."""
        return super().wait(self._heard(gen), *arguments, **options)

    def _heard(self, gen: PQGen[RV]) -> PQGen[RV]:
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > self._limit():
                    self.close()
                    raise psycopg.OperationalError("the server does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result

    def _limit(self) -> float:
        if self.silence is None:
            return float("inf")
        stopping = self.stop is not None and self.stop.is_set()
        return min(self.silence, HURRY) if stopping else self.silence


def _open(
    dsn: str, silence: float | None = None, stop: threading.Event | None = None
) -> Connection:
    if stop is not None and stop.is_set():
        silence = HURRY
    wait = CONNECT_TIMEOUT
    if silence is not None and silence < wait:
        wait = silence
        dsn = psycopg.conninfo.make_conninfo(dsn, connect_timeout=round(wait))
    connection = Connection.connect(dsn, autocommit=True)
    connection.silence, connection.stop = wait, stop
    try:
        connection.find_pooler()
    except BaseException:
        connection.close()
        raise
    connection.silence = silence
    return connection


def connect(settings: Settings, *, silence: float | None = None) -> Connection:
    """Open one connection; where `silence` is given, it is given up after so many seconds of it.

    Raises:
        ConfigError: The connection string cannot be read.
        UnreachableError: The server is not there, or does not let us in.
    """
    try:
        return _open(dsn(settings), silence)
    except psycopg.OperationalError as error:
        raise _unreachable(error) from None


class Pool:
    """A connection for each thread, opened when it is asked for, and anew when it broke.

    Args:
        dsn: Where PostgreSQL is.
        stop: When set, nothing waits for PostgreSQL for longer than `HURRY`.
    """

    def __init__(self, dsn: str, stop: threading.Event | None = None) -> None:
        self._dsn = dsn
        self._stop = stop
        self._of_thread: dict[int, Connection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._of_thread.values():
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend this thread's connection.

        Raises:
            psycopg.OperationalError: There is none, and none can be opened.
        """
        thread = threading.get_ident()
        connection = self._of_thread.get(thread)
        if connection is None or connection.closed:
            connection = self._of_thread[thread] = _open(self._dsn, SILENCE, self._stop)
        try:
            yield connection
        except ReadOnlySqlTransaction:
            # After a failover the server that can be written to may be found by connecting anew.
            connection.close()
            raise
