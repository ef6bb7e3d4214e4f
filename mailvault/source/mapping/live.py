"""Triggers that note what the application changes, so that it is moved with no further enqueue."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from mailvault.db import query
from mailvault.source.mapping.marks import check_quoting, template

if TYPE_CHECKING:
    from collections.abc import Container

    import psycopg

    from mailvault.source.mapping.catalogue import Table
    from mailvault.source.mapping.parts import PartRoad
    from mailvault.source.mapping.road import Road
    from mailvault.source.mapping.views import Source


IS_OTHER = "not exists (select from {rows} as o where {same})"


class Way(NamedTuple):
    """From the rows of one table to the keys of what changes with them.

    Attributes:
        road: The tables on the way.
        alias: The one whose rows changed.
        key: What to select: an email's key, a kind, and the key of a part that emails share.
        joined: The aliases that lead there; all of them where it is None.
    """

    road: Road
    alias: str
    key: sql.Composable
    joined: Container[str] | None = None


def install_live(connection: psycopg.Connection, source: Source) -> list[str]:
    """Put triggers on every table that mail is read from; return the tables' names.

    They see what the views depend on, which must be there by then.

    Raises:
        ConfigError: A name of the mapping cannot be part of a function.
        psycopg.errors.LockNotAvailable: A table was in use for too long; nothing is changed.
    """
    remove_live(connection)
    tables = _tables(source)
    schemas = connection.execute(query("source", "search_path"))
    path = sql.SQL(", ").join(sql.Identifier(name) for (name,) in schemas)
    for number, (table, ways) in enumerate(tables.items(), start=1):
        row = connection.execute(
            query("source", "columns_that_matter"),
            {"schema": table.schema, "relation": table.name},
        ).fetchone()
        columns = row[0] if row else []
        names = {
            "function": sql.Identifier("mailvault", f"live_{number}"),
            "table": table.identifier,
            "search_path": path,
        }
        body = _body(table, ways, columns)
        for statement in body.values():
            check_quoting(statement, ways[0].road)
        connection.execute(sql.SQL(template("live_function")).format(**body, **names))
        connection.execute(sql.SQL(template("live_triggers")).format(**names))
    return [f"{table.schema}.{table.name}" for table in tables]


def remove_live(connection: psycopg.Connection) -> None:
    """Take the triggers off again.

    Raises:
        psycopg.errors.LockNotAvailable: A table was in use for too long; nothing is changed.
    """
    connection.execute(query("source", "lock_briefly"))
    connection.execute(template("live_drop"))


def is_live(connection: psycopg.Connection) -> bool:
    """Whether there are triggers."""
    (row,) = connection.execute(query("source", "is_live"))
    return bool(row[0])


def _body(table: Table, ways: list[Way], columns: list[str]) -> dict[str, sql.Composable]:
    """Return what the function of one table does, with the columns of it that matter."""
    new_is_other = _other(table, columns, "old_rows")
    rows = sql.SQL(template("live_changed")).format(
        new_is_other=new_is_other, old_is_other=_other(table, columns, "new_rows")
    )
    # Nothing is known of a shared part whose own row is new.
    known = [way for way in ways if way.joined is None or way.alias != way.road.alias]
    return {
        "inserted": _changes(known, sql.SQL("new_rows")),
        "changed": sql.SQL("exists (select from new_rows as n where {})").format(new_is_other),
        "updated": _changes(ways, rows),
        "deleted": _changes(ways, sql.SQL("old_rows")),
    }


def _tables(source: Source) -> dict[Table, list[Way]]:
    """Return the tables that mail is read from, with the ways that lead on from them."""
    email = source.email
    found = {email.table: [Way(email, email.alias, _email(source.key.row(email.key_columns())))]}
    for part in source.parts:
        for alias, table in part.tables.items():
            itself = source.key.row([sql.Identifier(alias, name) for name in email.section.key])
            # What changes with the email's own row is known from there.
            if table is not email.table or part.email_key != itself:
                found.setdefault(table, []).append(Way(part, alias, _email(part.email_key)))
        if part.part.shared:
            # Whether an email has it now or not: one may have it later.
            key, needed = _part(part), part.tables_of_bytes()
            for alias in needed & part.tables.keys():
                found.setdefault(part.tables[alias], []).append(Way(part, alias, key, needed))
    return found


def _changes(ways: list[Way], rows: sql.Composable) -> sql.Composable:
    """Return the emails of some rows, and the parts that emails share."""
    selects = [
        sql.SQL("select distinct {} from {}").format(
            way.key, way.road.sources_with({way.alias: rows}, way.joined)
        )
        for way in ways
    ]
    return sql.SQL("\n        union all\n        ").join(selects)


def _email(key: sql.Composable) -> sql.Composable:
    return sql.SQL("({})::text, null, null").format(key)


def _part(part: PartRoad) -> sql.Composable:
    key = part.key.row(part.key_columns())
    return sql.SQL("null, {}, ({})::text").format(sql.Literal(part.part.kind), key)


def _other(table: Table, columns: list[str], others: str) -> sql.Composable:
    """Return the condition that a row `n` is not among others as it is, in what matters of it."""
    keys = sorted(table.unique_keys or [], key=len)
    if not keys or not columns:
        return sql.SQL("true")
    equal = [sql.SQL("o.{0} = n.{0}").format(sql.Identifier(name)) for name in sorted(keys[0])]
    same = [
        sql.SQL("o.{0}{1} is not distinct from n.{0}{1}").format(
            sql.Identifier(name), sql.SQL(_comparable(table.columns[name]))
        )
        for name in columns
    ]
    return sql.SQL(IS_OTHER).format(
        rows=sql.Identifier(others), same=sql.SQL(" and ").join([*equal, *same])
    )


def _comparable(kind: str) -> str:
    """Return a cast to a type that can be compared, where the type itself cannot."""
    return "::text" if kind in {"json", "xml", "point", "polygon"} else ""
