"""Looks at some values of a table: never at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql

from mailvault.source.mapping.marks import template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.source.detect.tables import Column, Table

LOOKED_AT = 400
"""Characters or bytes of a value; the rest of it is not read."""

TRUE = sql.SQL("true")


class Found(NamedTuple):
    """How many of the sampled values are as they should be."""

    found: int
    sampled: int

    @property
    def nearly_all(self) -> bool:
        """Whether there are any, and few that are not."""
        return self.sampled > 0 and self.found >= 0.9 * self.sampled

    def __str__(self) -> str:
        return f"{self.found} of {self.sampled}"


class Sampler:
    """Reads samples of tables; what cannot be read has none."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._values: dict[int, dict[str, list[str | bytes]]] = {}

    def values(self, table: Table, column: str) -> list[str | bytes]:
        """Return the beginnings of up to 100 values that are not NULL."""
        if table.oid not in self._values:
            self._values[table.oid] = self._sample(table)
        return self._values[table.oid].get(column, [])

    def texts(self, table: Table, column: str) -> list[str]:
        """Return the beginnings of values that are text and not empty."""
        return [value for value in self.values(table, column) if isinstance(value, str) and value]

    def keys(
        self,
        table: Table,
        columns: Sequence[str],
        target: Table,
        key: Sequence[str],
        condition: sql.Composable = TRUE,
    ) -> Found:
        """Return how many values of some columns are keys of another table.

        Without an index on these, none is looked up: each would be a scan.
        """
        if not target.unique_keys:
            return Found(0, 0)
        own = [sql.Identifier("t", name) for name in columns]
        others = [sql.Identifier("o", name) for name in key]
        both = sql.SQL(" and ")
        statement = sql.SQL(template("sample_keys")).format(
            table=table.identifier,
            percent=sql.Literal(table.percent),
            is_key=sql.SQL("exists (select from {} as o where {})").format(
                target.identifier,
                both.join(
                    sql.SQL("{} = {}").format(*pair) for pair in zip(others, own, strict=True)
                ),
            ),
            present=both.join(
                [*(sql.SQL("{} is not null").format(name) for name in own), condition]
            ),
        )
        rows = self._rows(statement)
        return Found(rows[0][1], rows[0][0]) if rows else Found(0, 0)

    def _sample(self, table: Table) -> dict[str, list[str | bytes]]:
        columns = [name for name, column in table.columns.items() if _is_read(column)]
        if not columns:
            return {}
        statement = sql.SQL(template("sample")).format(
            sampled=sql.SQL(", ").join(_beginning(table.columns[name]) for name in columns),
            table=table.identifier,
            percent=sql.Literal(table.percent),
        )
        rows = self._rows(statement)
        return {
            name: [row[number] for row in rows if row[number] is not None]
            for number, name in enumerate(columns)
        }

    def _rows(self, statement: sql.Composed) -> list[tuple[Any, ...]]:
        try:
            with self._connection.transaction():
                return self._connection.execute(statement).fetchall()
        except psycopg.Error:
            # Too slow, or in no known encoding: the table is then judged by its names alone.
            if self._connection.broken:
                raise
            return []


def _is_read(column: Column) -> bool:
    return column.is_text or column.type == "bytea"


def _beginning(column: Column) -> sql.Composed:
    cast = sql.SQL("::text") if column.is_text else sql.SQL("")
    return sql.SQL("substr({}{}, 1, {})").format(
        sql.Identifier(column.name), cast, sql.Literal(LOOKED_AT)
    )
