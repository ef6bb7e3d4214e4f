"""What the database says of the tables that a mapping names."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from psycopg import sql

from mailvault.db import query
from mailvault.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from mailvault.source.mapping import Mapping


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the application, with the type of each column."""

    schema: str
    name: str
    columns: dict[str, str]

    @property
    def identifier(self) -> sql.Identifier:
        """The qualified name, to be composed into a statement."""
        return sql.Identifier(self.schema, self.name)


class Catalogue:
    """Looks tables up once, and refuses a mapping that names what is not there."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._tables: dict[str, Table] = {}

    def table(self, name: str, place: str) -> Table:
        """Return the table that `name`, or `schema.name`, means on the search path.

        Raises:
            ConfigError: There is none; `place` says where in the mapping it was named.
        """
        if name not in self._tables:
            quoted = sql.Identifier(*name.split(".", 1)).as_string(self._connection)
            found = self._connection.execute(
                query("source", "resolve_table"), {"qualified_name": quoted}
            ).fetchone()
            if found is None:
                raise ConfigError(
                    f"{place}: there is no table {name!r}",
                    hint="correct mailvault.toml, or make the example's tables: "
                    "mailvault init --example",
                )
            schema, table, oid = found
            rows = self._connection.execute(query("source", "columns"), {"table": oid})
            self._tables[name] = Table(schema, table, dict(rows))
        return self._tables[name]

    def check(self, mapping: Mapping) -> None:
        """Make sure that every table and column of a mapping exists.

        Raises:
            ConfigError: One does not; the text names its place and the nearest that exists.
        """
        email = mapping.email
        named = {"key": email.key, "received": email.received}
        self._check_columns(email.table, "email", named, email.write_back)
        for part in mapping.part:
            named = {
                name: getattr(part, name)
                for name in ("key", "email", "content", "path", "filename", "content_type", "size")
            }
            self._check_columns(part.table, f"part {part.kind!r}", named, part.write_back)

    def _check_columns(
        self, table: str, section: str, named: dict[str, str | None], write_back: Iterable[str]
    ) -> None:
        columns = self.table(table, f"{section}, table").columns
        wanted = {**named, **{f"write_back.{column}": column for column in write_back}}
        for setting, column in wanted.items():
            if column is not None and column not in columns:
                near = get_close_matches(column, columns, n=1)
                raise ConfigError(
                    f"{section}, {setting}: table {table!r} has no column {column!r}",
                    hint=f"did you mean {near[0]!r}?" if near else "",
                )
