"""What the database says of the tables that a mapping names."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from mailvault.db import query


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of the application, with the type of each column.

    Attributes:
        key_types: The types of those columns that can be of a key.
        nullable: The columns that can be NULL, as far as is known; of a view, all.
        unique_keys: Sets of columns of which no two rows have the same; None where that cannot
            be known, as of a view.
    """

    schema: str
    name: str
    columns: dict[str, str]
    key_types: dict[str, str]
    nullable: frozenset[str]
    unique_keys: frozenset[frozenset[str]] | None

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified name, to be composed into a statement."""
        return sql.Identifier(self.schema, self.name)


class Catalogue:
    """Looks tables up once, however they are called."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._tables: dict[str, Table | None] = {}
        self._by_oid: dict[int, Table] = {}

    def table(self, name: str) -> Table | None:
        """Return the table that `name`, or `schema.name`, means on the search path."""
        if name not in self._tables:
            self._tables[name] = self._look_up(name)
        return self._tables[name]

    def type_of(self, expression: sql.Composable, tables: sql.Composable) -> str:
        """Return the type of an expression over some tables.

        It is only described, which asks for no right to read them.

        Raises:
            psycopg.Error: It cannot be computed from them.
        """
        statement = sql.SQL("select {} from {}").format(expression, tables)
        server = self._connection.pgconn
        with self._connection.transaction():
            for described in (
                server.prepare(b"", statement.as_bytes(self._connection)),
                server.describe_prepared(b""),
            ):
                if described.status != ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(described)
        (row,) = self._connection.execute(
            query("source", "type_name"), {"type": described.ftype(0)}
        )
        return str(row[0])

    def _look_up(self, name: str) -> Table | None:
        quoted = sql.Identifier(*name.split(".", 1)).as_string(self._connection)
        found = self._connection.execute(
            query("source", "resolve_table"), {"qualified_name": quoted}
        ).fetchone()
        if found is None:
            return None
        schema, table, oid, is_table = found
        if oid not in self._by_oid:
            self._by_oid[oid] = self._describe(schema, table, oid, has_indexes=is_table)
        return self._by_oid[oid]

    def _describe(self, schema: str, name: str, oid: int, *, has_indexes: bool) -> Table:
        columns = self._connection.execute(query("source", "columns"), {"table": oid}).fetchall()
        keys = self._connection.execute(query("source", "unique_keys"), {"table": oid})
        unique = frozenset(frozenset(names) for (names,) in keys)
        return Table(
            schema,
            name,
            {column: kind for column, kind, _, _ in columns},
            {column: of_key for column, _, of_key, _ in columns if of_key is not None},
            frozenset(column for column, _, _, is_nullable in columns if is_nullable),
            unique if has_indexes else None,
        )
