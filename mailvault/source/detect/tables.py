"""The tables of a database, with what its catalogue says of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql
from psycopg.rows import namedtuple_row

from mailvault.db import query

if TYPE_CHECKING:
    import psycopg

TEXT = ("text", "character varying", "character", "citext")
INTEGERS = ("smallint", "integer", "bigint")

SAMPLED_PAGES = 20
"""Of a table: there are 100 rows in them, if there are any."""


class Column(NamedTuple):
    """A column.

    Attributes:
        max_length: That of its type, in characters.
        may_be_key: Whether it cannot be NULL, and a key may have its type.
    """

    name: str
    type: str
    max_length: int | None
    may_be_key: bool = True

    @property
    def is_text(self) -> bool:
        """Whether its values are text."""
        return self.type in TEXT

    @property
    def family(self) -> str:
        """What its type has in common with those that it can be compared with."""
        if self.is_text:
            return "text"
        return "integer" if self.type in INTEGERS else self.type


class ForeignKey(NamedTuple):
    """Columns that PostgreSQL keeps equal to those of another table."""

    target: int
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table that this role may read.

    Attributes:
        rows: How many there are, as PostgreSQL estimates.
        pages: Its size.
        is_visible: Whether its name alone, without that of its schema, means it.
        unique_keys: The primary key first, if it has one.
        has_primary_key: Whether it has.
    """

    oid: int
    schema: str
    name: str
    is_visible: bool
    rows: int
    pages: int
    columns: dict[str, Column]
    unique_keys: tuple[tuple[str, ...], ...]
    has_primary_key: bool
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified name, to be composed into a statement."""
        return sql.Identifier(self.schema, self.name)

    @property
    def reference(self) -> str:
        """The name as a mapping has it."""
        is_plain = self.is_visible and "." not in self.name
        return self.name if is_plain else f"{self.schema}.{self.name}"

    @property
    def percent(self) -> float:
        """How much of it to sample."""
        return min(100.0, 100.0 * SAMPLED_PAGES / self.pages)


def read_tables(connection: psycopg.Connection) -> list[Table]:
    """Return the tables of applications that have columns which this role may read."""
    cursor: psycopg.Cursor[Any] = connection.cursor(row_factory=namedtuple_row)
    found = cursor.execute(query("detect", "tables")).fetchall()
    oids = {"tables": [row.oid for row in found]}

    def of_tables(name: str) -> dict[int, list[Any]]:
        rows = defaultdict(list)
        for row in cursor.execute(query("detect", name), oids):
            rows[row.table_oid].append(row)
        return rows

    columns, keys, foreign = (
        of_tables(name) for name in ("columns", "unique_keys", "foreign_keys")
    )
    return [
        Table(
            row.oid,
            row.schema_name,
            row.name,
            row.is_visible,
            row.rows_estimated,
            row.pages,
            {
                each.name: Column(each.name, each.type, each.max_length, each.may_be_key)
                for each in columns[row.oid]
            },
            tuple(tuple(key.columns) for key in keys[row.oid]),
            any(key.is_primary for key in keys[row.oid]),
            tuple(
                ForeignKey(key.target_oid, tuple(key.columns), tuple(key.target_columns))
                for key in foreign[row.oid]
            ),
        )
        for row in found
        if columns[row.oid]
    ]
