"""The functions that write to the application's tables: they mark its mail, and free its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from mailvault.db import sql_directory
from mailvault.source.mapping.form import Constant
from mailvault.source.mapping.road import bracketed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mailvault.source.mapping.key import KeyShape
    from mailvault.source.mapping.parts import PartRoad
    from mailvault.source.mapping.road import Road

OF_EMAIL = {"stored": "p_stored", "attempts": "d.attempts", "error": "d.message::{type}"}
"""Values by what the mapping calls them. An error that is too long for its column is cut by the
cast; a key would be refused."""

OF_PART = {"object_key": "d.object_key", "sha256": "mailvault.digest_of(d.object_key)"}
WHEN_PURGED = {**OF_PART, "null": "null", "empty": "''"}


MARKED = "unnest(p_kinds, p_part_keys) as d (kind, part_key) where d.kind = {kind}"


def template(name: str) -> str:
    """Return a statement of `sql/source`, to be filled in."""
    return (sql_directory() / "source" / f"{name}.sql").read_text(encoding="utf-8")


def mark_emails(road: Road, key: KeyShape) -> sql.Composed:
    """Return the function that tells the application's emails how they stand.

    Raises:
        ConfigError: What is to be written has no place there.
    """
    assignments = _assignments(road, road.section.write_back, OF_EMAIL, "write_back")
    updates: list[sql.Composable] = []
    if assignments:
        columns = _columns(key)
        updates.append(
            sql.SQL(template("mark_emails_update")).format(
                table=road.table.identifier,
                among=key.among(
                    columns, sql.SQL("mailvault.source_key(k)"), sql.SQL("unnest(p_keys) as k")
                ),
                order=sql.SQL(", ").join(columns),
                assignments=sql.SQL(", ").join(assignments),
                equal=key.equal(columns, sql.SQL("mailvault.source_key(d.email_key)")),
            )
        )
    return _function("mark_emails", updates, road)


def mark_parts(roads: Sequence[PartRoad]) -> sql.Composed:
    """Return the function that tells the application where its bodies and attachments are.

    Raises:
        ConfigError: What is to be written has no place there.
    """
    updates: list[sql.Composable] = []
    for road in roads:
        kind = sql.Literal(road.part.kind)
        if road.part.shared:
            updates.append(sql.SQL(template("mark_parts_shared")).format(kind=kind))
        assignments = _assignments(road, road.part.write_back, OF_PART, "write_back")
        if assignments:
            key, columns = _key_of(road), _columns(road.key)
            marked = sql.SQL(MARKED).format(kind=kind)
            updates.append(
                sql.SQL(template("mark_parts_update")).format(
                    table=road.table.identifier,
                    kind=kind,
                    among=road.key.among(columns, key, marked),
                    order=sql.SQL(", ").join(columns),
                    assignments=sql.SQL(", ").join(assignments),
                    equal=road.key.equal(columns, key),
                )
            )
    return _function("mark_parts", updates, roads[0])


def purge_parts(roads: Sequence[PartRoad]) -> sql.Composed:
    """Return the function that frees the bytes of parts, where they are still those of a digest.

    Raises:
        ConfigError: The form of purging does not fit the tables.
    """
    purges = [_purge(road) for road in roads if road.part.purge is not None]
    return _function("purge_parts", purges, roads[0])


def _purge(road: PartRoad) -> sql.Composed:
    purge, content = road.part.purge, road.source_bytes()
    assert purge is not None
    if content is None:
        raise road.misfit(("purge",), "there is no content in a table that could be freed")
    alias = purge.delete or road.alias
    if alias not in road.tables:
        raise road.misfit(
            ("purge", "delete"),
            f"no table is called {alias!r} here",
            f"there is {', '.join(road.tables)}",
        )
    others = {name: table for name, table in road.tables.items() if name != alias}
    conditions = [bracketed(join.on) for join in road.part.join]
    columns: list[sql.Composable] = [sql.Identifier(road.alias, name) for name in road.key.columns]
    return sql.SQL(template("purge_parts_delete" if purge.delete else "purge_parts_set")).format(
        table=road.tables[alias].identifier,
        alias=sql.Identifier(alias),
        others=sql.SQL("").join(
            sql.SQL(", {} as {}").format(table.identifier, sql.Identifier(name))
            for name, table in others.items()
        ),
        assignments=sql.SQL(", ").join(_assignments(road, purge.set, WHEN_PURGED, "purge", "set")),
        kind=sql.Literal(road.part.kind),
        equal=road.key.equal(columns, _key_of(road)),
        conditions=sql.SQL("").join(sql.SQL("\n    and {}").format(on) for on in conditions),
        content=content,
    )


def _function(name: str, statements: Sequence[sql.Composable], road: Road) -> sql.Composed:
    body = sql.SQL("").join(statements)
    check_quoting(body, road)
    return sql.SQL(template(name)).format(body=body)


def check_quoting(body: sql.Composable, road: Road) -> None:
    """Make sure that the body of a function does not end before its end.

    Raises:
        ConfigError: It would.
    """
    if "$$" in body.as_string():
        raise road.misfit((), "a name or a constant of the mapping has $$ in it")


def _assignments(
    road: Road, given: Mapping[str, str | Constant], values: Mapping[str, str], *steps: str
) -> list[sql.Composable]:
    assignments: list[sql.Composable] = []
    for name, wanted in given.items():
        if name not in road.table.columns:
            raise road.no_column(name, (*steps, name))
        value: sql.Composable
        if isinstance(wanted, Constant):
            value = sql.Literal(wanted.constant)
        else:
            value = sql.SQL(values[wanted]).format(type=sql.SQL(road.table.columns[name]))
        assignments.append(sql.SQL("{} = {}").format(sql.Identifier(name), value))
    return assignments


def _columns(key: KeyShape) -> list[sql.Composable]:
    return [sql.Identifier("t", name) for name in key.columns]


def _key_of(road: PartRoad) -> sql.Composable:
    return sql.SQL("d.part_key::{}").format(road.key.type)
