"""Triggers that note what the application changes, so that it is moved with no further enqueue."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from mailvault.db import query
from mailvault.source.mapping.marks import check_quoting, template

if TYPE_CHECKING:
    import psycopg

    from mailvault.source.mapping.catalogue import Table
    from mailvault.source.mapping.parts import PartRoad
    from mailvault.source.mapping.road import Road
    from mailvault.source.mapping.views import Source


IS_OTHER = "not exists (select from {rows} as o where {same})"


class Way(NamedTuple):
    """From the rows of one table to the emails that change with them."""

    road: Road
    alias: str
    email_key: sql.Composable
    part: PartRoad | None = None


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
    return {
        "inserted": _changes(ways, sql.SQL("new_rows")),
        "changed": sql.SQL("exists (select from new_rows as n where {})").format(new_is_other),
        "updated": _changes(ways, rows),
        "deleted": _changes(ways, sql.SQL("old_rows")),
    }


def _tables(source: Source) -> dict[Table, list[Way]]:
    """Return the tables that mail is read from, with the ways that lead from them to emails."""
    email = source.email
    found = {email.table: [Way(email, email.alias, source.key.row(email.key_columns()))]}
    for part in source.parts:
        for alias, table in part.tables.items():
            itself = source.key.row([sql.Identifier(alias, name) for name in email.section.key])
            # What changes with the email's own row is known from there.
            if table is not email.table or part.email_key != itself:
                found.setdefault(table, []).append(Way(part, alias, part.email_key, part))
    return found


def _changes(ways: list[Way], rows: sql.Composable) -> sql.Composable:
    """Return the emails of some rows; with the part, where other emails may have it too."""
    selects = [
        sql.SQL("select distinct ({})::text, {}, {}::text from {}").format(
            way.email_key, *_shared(way), way.road.sources_with({way.alias: rows})
        )
        for way in ways
    ]
    return sql.SQL("\n        union all\n        ").join(selects)


def _shared(way: Way) -> tuple[sql.Composable, sql.Composable]:
    part = way.part
    if part is None or not part.part.shared or way.alias != part.alias:
        return sql.SQL("null"), sql.SQL("null")
    return sql.Literal(part.part.kind), part.key.row(part.key_columns())


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
