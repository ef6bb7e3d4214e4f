"""What the checks ask the database, each thing once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from mailvault.db import explain, query
from mailvault.errors import ConfigError, MailvaultError
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    from mailvault.source.mapping.catalogue import Table
    from mailvault.source.mapping.form import Mapping

Row = dict[str, Any]

SHOWN = 5
"""Rows of one kind that are shown; the first remedies mostly cure the others too."""


@dataclass(frozen=True)
class Examination:
    """A connection in a transaction that only reads, and where the mail is there."""

    connection: psycopg.Connection
    mapping: Mapping

    def rows(self, name: str, **parameters: object) -> list[Row]:
        """Return the rows of one query of sql/queries/doctor.sql."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query("doctor", name), parameters).fetchall()

    @cached_property
    def server(self) -> Row:
        """Who and what the server says that it is and we are."""
        [row] = self.rows("server")
        return row

    @cached_property
    def _settings_of_server(self) -> dict[str, str]:
        return {row["name"]: row["value"] for row in self.rows("settings")}

    def setting(self, name: str, unknown: str = "") -> str:
        """Return a setting as a session of this role starts with it, in PostgreSQL's own units."""
        return self._settings_of_server.get(name, unknown)

    @cached_property
    def source(self) -> Source | MailvaultError:
        """The mapping and the tables that it is about, or why it does not fit the database."""
        try:
            with self.connection.transaction():
                return Source(self.connection, self.mapping)
        except ConfigError as error:
            return error
        except psycopg.Error as error:
            return explain(error)

    @property
    def source_tables(self) -> list[Table]:
        """The tables that the mapping names; none of them if it does not fit the database."""
        if isinstance(self.source, MailvaultError):
            return []
        roads = (self.source.email, *self.source.parts)
        return list(dict.fromkeys(table for road in roads for table in road.tables.values()))

    def names_of_source(self) -> dict[str, list[str]]:
        """Return the source's tables as the queries take them."""
        found = self.source_tables
        return {
            "schemas": [table.schema for table in found],
            "tables": [table.name for table in found],
        }

    @cached_property
    def tables(self) -> list[Row]:
        """Return mailvault's tables and the source's, with what their vacuuming is about."""
        return self.rows("tables", **self.names_of_source())
