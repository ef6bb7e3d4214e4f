"""Makes the views and functions through which everything else sees the application's mail.

This is the one place that composes SQL: the names come from the mapping, are checked against the
catalogue, and are quoted by psycopg. A filter is the operator's own SQL and goes in as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from mailvault.db import query, sql_directory
from mailvault.errors import ConfigError
from mailvault.source.catalogue import Catalogue, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from mailvault.source.mapping import Mapping, PartMapping

ERROR = "d.message::{type}"
"""An error that is too long for its column is cut by the cast; a key would be refused."""

TEXT_TYPES = ("text", "character varying", "character")


def install_source(connection: psycopg.Connection, mapping: Mapping) -> None:
    """Replace the views and functions of the source, all at once for workers that use them.

    Raises:
        ConfigError: The mapping does not fit the database.
    """
    catalogue = Catalogue(connection)
    catalogue.check(mapping)
    row = connection.execute(query("source", "server_encoding")).fetchone()
    encoding = "SQL_ASCII" if row == ("SQL_ASCII",) else "UTF8"
    with connection.transaction():
        connection.execute(_template("drop"))
        for statement in _statements(catalogue, mapping, encoding):
            connection.execute(statement)
        connection.execute(_template("selection"))


def _template(name: str) -> str:
    return (sql_directory() / "source" / f"{name}.sql").read_text(encoding="utf-8")


def _statements(catalogue: Catalogue, mapping: Mapping, encoding: str) -> Iterator[sql.Composed]:
    email = mapping.email
    emails = catalogue.table(email.table, "email, table")
    received = (
        sql.Identifier("t", email.received) if email.received else sql.SQL("null::timestamptz")
    )
    condition = sql.SQL(email.filter or "true")

    yield sql.SQL(_template("key")).format(type=_type(emails, email.key))
    yield sql.SQL(_template("source_email")).format(
        table=emails.identifier,
        key=sql.Identifier(email.key),
        received=received,
        filter=condition,
    )
    parts = [_part_select(catalogue, part, encoding) for part in mapping.part]
    yield sql.SQL(_template("source_part")).format(parts=sql.SQL("\nunion all\n").join(parts))
    values = {"stored": "p_stored", "attempts": "d.attempts", "error": ERROR}
    yield sql.SQL(_template("mark_emails")).format(
        updates=_update(
            "mark_emails_update",
            emails,
            email.key,
            {column: values[value] for column, value in email.write_back.items()},
        )
    )
    updates = [
        _update(
            "mark_parts_update",
            catalogue.table(part.table, ""),
            part.key,
            dict.fromkeys(part.write_back, "d.object_key"),
            part.kind,
        )
        for part in mapping.part
    ]
    yield sql.SQL(_template("mark_parts")).format(updates=sql.SQL("").join(updates))


def _part_select(catalogue: Catalogue, part: PartMapping, encoding: str) -> sql.Composed:
    table = catalogue.table(part.table, "")

    def column(name: str | None, null: str) -> sql.Composable:
        return sql.Identifier("t", name) if name else sql.SQL(null)

    content: sql.Composable = sql.SQL("null::bytea")
    size = column(part.size, "null::bigint")
    present: sql.Composable = sql.SQL("true")
    if part.content:
        bytes_of = sql.Identifier("t", part.content)
        kind = table.columns[part.content].split("(")[0]
        if kind in TEXT_TYPES:
            content = sql.SQL("convert_to({}, {})").format(bytes_of, sql.Literal(encoding))
        elif kind == "bytea":
            content = bytes_of
        else:
            raise ConfigError(
                f"part {part.kind!r}, content: column {part.content!r} is {kind}, "
                "which is neither text nor bytea"
            )
        size = sql.SQL("octet_length({})").format(bytes_of)
        present = sql.SQL("{} is not null").format(bytes_of)
    return sql.SQL(_template("source_part_select")).format(
        email=sql.Identifier("t", part.email),
        kind=sql.Literal(part.kind),
        key=sql.Identifier("t", part.key),
        size=size,
        in_table=sql.Literal(part.content is not None),
        content=content,
        path=column(part.path, "null"),
        filename=column(part.filename, "null"),
        content_type=column(part.content_type, "null"),
        table=table.identifier,
        present=present,
    )


def _update(
    template: str, table: Table, key: str, values: dict[str, str], kind: str = ""
) -> sql.Composable:
    if not values:
        return sql.SQL("")
    assignments = [
        sql.SQL("{} = {}").format(
            sql.Identifier(column), sql.SQL(value).format(type=_type(table, column))
        )
        for column, value in values.items()
    ]
    return sql.SQL(_template(template)).format(
        table=table.identifier,
        key=sql.Identifier(key),
        type=_type(table, key),
        kind=sql.Literal(kind),
        assignments=sql.SQL(", ").join(assignments),
    )


def _type(table: Table, column: str) -> sql.SQL:
    return sql.SQL(table.columns[column])  # as format_type wrote it
