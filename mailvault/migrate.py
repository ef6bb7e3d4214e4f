"""Creates and upgrades the schema `mailvault`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mailvault.db import query, sql_directory
from mailvault.errors import SchemaError

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of sql/migrations, named NNNN_words.sql."""

    version: int
    name: str
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all migrations in order."""
    found = []
    for file in (sql_directory() / "migrations").iterdir():
        number, name = file.name.removesuffix(".sql").split("_", 1)
        text = file.read_text(encoding="utf-8")
        found.append(Migration(int(number), name, text))
    return tuple(sorted(found, key=lambda migration: migration.version))


def _version(connection: psycopg.Connection) -> int:
    row = connection.execute(query("migrate", "is_initialised")).fetchone()
    if row is None or not row[0]:
        return 0
    row = connection.execute(query("migrate", "version")).fetchone()
    return int(row[0]) if row else 0


def _refuse_newer(version: int) -> None:
    latest = migrations()[-1].version
    if version > latest:
        raise SchemaError(
            f"the database's schema is at version {version}, newer than this program, "
            f"which knows {latest}",
            hint="upgrade mailvault on this machine",
        )


def lock(connection: psycopg.Connection) -> None:
    """Be the only one who changes the schema until the transaction ends."""
    connection.execute(query("migrate", "lock"))


def migrate(connection: psycopg.Connection) -> list[Migration]:
    """Apply what is missing, each migration in one transaction; return what was applied.

    Any number of processes may do this at once: each migration is applied by one of them.

    Raises:
        SchemaError: The database is newer than this program.
    """
    applied = []
    for migration in migrations():
        with connection.transaction():
            lock(connection)
            version = _version(connection)
            _refuse_newer(version)
            if version >= migration.version:
                continue
            connection.execute(migration.sql)
            connection.execute(
                query("migrate", "record"), {"version": migration.version, "name": migration.name}
            )
            applied.append(migration)
    return applied


def require_current(connection: psycopg.Connection) -> None:
    """Make sure that this database was initialised by this version of the program.

    Raises:
        SchemaError: It was not initialised, or is older or newer than this program.
    """
    version = _version(connection)
    _refuse_newer(version)
    hint = "run: mailvault init"
    if version == 0:
        raise SchemaError("this database was not initialised for mailvault", hint=hint)
    if version < migrations()[-1].version:
        raise SchemaError(
            f"the database's schema is at version {version}, older than this program", hint=hint
        )
    row = connection.execute(query("migrate", "has_source")).fetchone()
    if row is None or not row[0]:
        raise SchemaError("the mapping of the source was not set up", hint=hint)
