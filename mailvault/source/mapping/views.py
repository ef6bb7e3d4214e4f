"""Makes the views and functions through which everything else sees the application's mail.

The modules of this folder are the one place that composes SQL: the names come from the mapping,
are checked against the catalogue, and are quoted by psycopg. Filters and expressions are the
operator's own SQL and go in as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from mailvault.db import query
from mailvault.source.mapping.catalogue import Catalogue
from mailvault.source.mapping.key import KeyShape
from mailvault.source.mapping.marks import mark_emails, mark_parts, purge_parts, template
from mailvault.source.mapping.parts import PartRoad
from mailvault.source.mapping.road import Road

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from mailvault.errors import ConfigError
    from mailvault.source.mapping.form import Mapping

EMAIL_KEY = sql.SQL("mailvault.source_key(k)")
EMAIL_KEYS = sql.SQL("unnest(p_keys) as k")


class Source:
    """A mapping that was found to fit the database.

    Attributes:
        email: The road of the emails.
        key: Their key.
        parts: The roads of the parts, in the mapping's order.
    """

    def __init__(self, connection: psycopg.Connection, mapping: Mapping) -> None:
        """Follow every reference of the mapping.

        Raises:
            ConfigError: The mapping does not fit the database.
        """
        catalogue = Catalogue(connection)
        row = connection.execute(query("source", "server_encoding")).fetchone()
        encoding = "SQL_ASCII" if row == ("SQL_ASCII",) else "UTF8"
        self.mapping = mapping
        self.email = Road(catalogue, mapping)
        self._key_columns = self.email.key_columns()
        self.key = KeyShape.of(self.email.table, mapping.email.key, "email_key")
        self.parts = [
            PartRoad(catalogue, mapping, number, encoding) for number in range(len(mapping.part))
        ]
        self._selected = [part.columns(self.key) for part in self.parts]
        self._email_view = self._compose_emails()
        self._marks = [
            mark_emails(self.email, self.key),
            mark_parts(self.parts),
            purge_parts(self.parts),
        ]

    def install(self, connection: psycopg.Connection) -> None:
        """Replace the views and functions of the source, all at once for those that use them.

        Raises:
            ConfigError: Nothing keeps a key unique, or it can be NULL.
        """
        for road in (self.email, *self.parts):
            _check_key(road)
        with connection.transaction():
            connection.execute(template("drop"))
            for statement in self.statements():
                connection.execute(statement)

    @property
    def has_large_objects(self) -> bool:
        """Whether some content is in large objects, which have rights of their own."""
        return any(part.has_large_objects for part in self.parts)

    def statements(self) -> Iterator[sql.Composed]:
        """Yield what makes the views and functions, in order."""
        for key in (self.key, *(part.key for part in self.parts)):
            create = key.create_type()
            if create is not None:
                yield create
        yield sql.SQL(template("key")).format(
            type=self.key.type, has_policy=sql.Literal(self.mapping.email.eligible is not None)
        )
        yield self._email_view
        parts = [
            sql.SQL(template("source_part_select")).format(**columns) for columns in self._selected
        ]
        yield sql.SQL(template("source_part")).format(parts=sql.SQL("\nunion all\n").join(parts))
        yield from self._selections()
        yield from self._marks

    def _compose_emails(self) -> sql.Composed:
        email = self.mapping.email
        received = (
            self.email.column(email.received, "received").sql
            if email.received
            else sql.SQL("null::timestamptz")
        )
        named = zip(self.key.fields("key"), self._key_columns, strict=False)
        return sql.SQL(template("source_email")).format(
            key=self.key.row(self._key_columns),
            key_columns=sql.SQL("").join(
                sql.SQL(",\n    {} as {}").format(column, name) for name, column in named
            ),
            received=received,
            filter=self.email.condition(email.filter, "filter"),
            eligible=self.email.condition(email.eligible, "eligible"),
            has_key=self.email.has_key(),
            table=self.email.sources,
        )

    def _selections(self) -> Iterator[sql.Composed]:
        key = self.key
        fields = key.fields("key")
        columns: list[sql.Composable] = [
            sql.SQL("e.{}").format(name) for name in fields or [sql.Identifier("key")]
        ]
        links: list[sql.Composable] = [
            sql.SQL("p.{}").format(name)
            for name in key.fields("email_key") or [sql.Identifier("email_key")]
        ]
        after = key.parts(sql.SQL("mailvault.source_key(p_after)"))
        each, all_keys = sql.SQL("mailvault.source_key(a)"), sql.SQL("unnest(p_keys) as a")
        names = sql.SQL(", ")
        values = {
            "columns": sql.SQL("").join(sql.SQL(", e.{}").format(name) for name in fields),
            "after": sql.SQL("({}) > ({})").format(names.join(columns), names.join(after)),
            "among": key.among(columns, EMAIL_KEY, EMAIL_KEYS),
            "order": names.join(columns),
            "equal": key.equal(links, EMAIL_KEY),
            "links_among": sql.SQL("true")
            if key.is_composite
            else key.among(links, each, all_keys),
        }
        for name in ("selection", "parts_of"):
            yield sql.SQL(template(name)).format(**values)


def install_source(connection: psycopg.Connection, mapping: Mapping) -> None:
    """Fit mailvault to an application's tables; can be repeated, with another mapping too.

    Raises:
        ConfigError: The mapping does not fit the database.
    """
    Source(connection, mapping).install(connection)


def _check_key(road: Road) -> None:
    table, unique = road.section.table, road.table.unique_keys
    if unique is None:
        return
    if not any(set(road.section.key) >= key for key in unique):
        raise _not_unique(road)
    for name in road.section.key:
        if name in road.table.nullable:
            raise road.misfit(
                ("key",),
                f"{name} of {table} can be NULL: rows without a key could not be moved",
                f"alter table {table} alter column {name} set not null;",
            )


def _not_unique(road: Road) -> ConfigError:
    names = ", ".join(road.section.key)
    table = road.section.table
    return road.misfit(
        ("key",),
        f"no unique index is on {table} ({names}): rows with the same key would count as one, and "
        "only one of them be moved",
        f"create unique index concurrently on {table} ({names});",
    )
