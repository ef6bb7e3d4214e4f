"""Keys of one column or of several, and how SQL compares them so that an index finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from mailvault.source.mapping.catalogue import Table


@dataclass(frozen=True, slots=True)
class KeyShape:
    """The columns of a key. As text it is that of the one column, or of a row: `(1,2)`.

    Attributes:
        columns: Their names.
        types: Their types.
        cast_types: The types that their texts are cast to, which cut nothing.
        row_type: The name of the type that a key of several columns gets in mailvault's schema.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    cast_types: tuple[str, ...]
    row_type: str

    @classmethod
    def of(cls, table: Table, columns: tuple[str, ...], row_type: str) -> KeyShape:
        """Return the shape of some columns of a table, all of which can be of a key."""
        return cls(
            columns,
            tuple(table.columns[name] for name in columns),
            tuple(table.key_types[name] for name in columns),
            row_type,
        )

    @property
    def is_composite(self) -> bool:
        """Whether it has several columns."""
        return len(self.columns) > 1

    @property
    def type(self) -> sql.Composable:
        """The type that its text is cast to."""
        if self.is_composite:
            return sql.Identifier("mailvault", self.row_type)
        return sql.SQL(self.cast_types[0])  # as the catalogue wrote it

    def fields(self, prefix: str) -> list[sql.Identifier]:
        """Return names for its columns where it has several: `key_1`, `key_2`."""
        count = len(self.columns) if self.is_composite else 0
        return [sql.Identifier(f"{prefix}_{number}") for number in range(1, count + 1)]

    def create_type(self) -> sql.Composed | None:
        """Return the statement that makes its type, if it needs one."""
        if not self.is_composite:
            return None
        pairs = zip(self.fields("key"), self.cast_types, strict=True)
        return sql.SQL("create type {} as ({})").format(
            self.type, sql.SQL(", ").join(name + sql.SQL(f" {kind}") for name, kind in pairs)
        )

    def row(self, columns: list[sql.Composable]) -> sql.Composable:
        """Return the key that some expressions are together."""
        if not self.is_composite:
            return columns[0]
        return sql.SQL("row({})::{}").format(sql.SQL(", ").join(columns), self.type)

    def parts(self, key: sql.Composable) -> list[sql.Composable]:
        """Return the columns of a key that is given as one value."""
        if not self.is_composite:
            return [key]
        return [sql.SQL("({}).{}").format(key, name) for name in self.fields("key")]

    def equal(self, columns: list[sql.Composable], key: sql.Composable) -> sql.Composable:
        """Return the condition that some columns are those of a key."""
        pairs = zip(columns, self.parts(key), strict=True)
        return sql.SQL(" and ").join(sql.SQL("{} = {}").format(*pair) for pair in pairs)

    def among(
        self, columns: list[sql.Composable], key: sql.Composable, keys: sql.Composable
    ) -> sql.Composable:
        """Return the condition that some columns are a key among those that `keys` has.

        One column is compared with an array: the condition is then one on its index, whatever
        the planner believes of the array's size.
        """
        if not self.is_composite:
            condition = sql.SQL("{} = any(array(select {} from {}))")
            return condition.format(columns[0], key, keys)
        return sql.SQL("({}) in (select {} from {})").format(
            sql.SQL(", ").join(columns), sql.SQL(", ").join(self.parts(key)), keys
        )
