"""Connections to PostgreSQL, and the named queries of sql/."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import ConnectionPool

from mailvault.errors import ConfigError, MailvaultError, UnreachableError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mailvault.config import Settings

_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 10,
    # A server that vanished without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "mailvault",
    "client_encoding": "utf8",  # a database in SQL_ASCII would answer in bytes
}

CONNECTION_LOST = ("08", "57P")
"""How SQLSTATE begins: connection exceptions, and the server shutting down."""

POOL_TIMEOUT = 3.0
"""Seconds to wait for a connection before that is said, and tried again."""

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


def _dsn(settings: Settings) -> str:
    dsn = settings.database_url.get_secret_value()
    try:
        parameters: dict[str, Any] = {**_DEFAULTS, **psycopg.conninfo.conninfo_to_dict(dsn)}
        return psycopg.conninfo.make_conninfo("", **parameters)
    except psycopg.ProgrammingError:
        # libpq's own words may repeat the password.
        raise ConfigError(
            "DATABASE_URL is not a PostgreSQL connection string",
            hint="it looks like postgresql://user:password@host:5432/database",
        ) from None


def first_line(error: Exception) -> str:
    """Return what an error says, without the context that PostgreSQL adds below."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip()


def explain(error: psycopg.Error) -> MailvaultError:
    """Turn what PostgreSQL or its client says into an error of ours, in one line."""
    lost = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    if lost or (error.sqlstate or "").startswith(CONNECTION_LOST):
        return _unreachable(error)
    return MailvaultError(f"PostgreSQL refuses: {first_line(error)}")


def _unreachable(error: psycopg.Error) -> UnreachableError:
    said = first_line(error)
    return UnreachableError(
        f"PostgreSQL cannot be reached: {said}",
        hint="check DATABASE_URL (or libpq's PGHOST, PGUSER, PGDATABASE, …) and the server",
    )


def connect(settings: Settings) -> psycopg.Connection:
    """Open one connection, in autocommit.

    Raises:
        ConfigError: The connection string cannot be read.
        UnreachableError: The server is not there, or does not let us in.
    """
    try:
        return psycopg.connect(_dsn(settings), autocommit=True)
    except psycopg.OperationalError as error:
        raise _unreachable(error) from None


def open_pool(settings: Settings, *, size: int) -> ConnectionPool:
    """Open a pool whose connections are in autocommit and are replaced when they break.

    Raises:
        ConfigError: The connection string cannot be read.
        UnreachableError: The server is not there, or does not let us in.
    """
    connect(settings).close()  # a pool would only say that it timed out
    return ConnectionPool(
        _dsn(settings),
        min_size=1,
        max_size=size,
        timeout=POOL_TIMEOUT,
        open=True,
        kwargs={"autocommit": True},
    )
