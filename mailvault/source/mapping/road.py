"""The tables of one section of a mapping, and what its references mean among them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import psycopg
from psycopg import sql

from mailvault.db import first_line
from mailvault.source.mapping import template
from mailvault.source.mapping.form import EmailMapping, PartMapping, Sql

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from mailvault.errors import ConfigError
    from mailvault.source.mapping.catalogue import Catalogue, Table
    from mailvault.source.mapping.form import Mapping

Place: TypeAlias = tuple[str | int, ...]

KEY_TYPES = (
    "a key may be smallint, integer, bigint, numeric, oid, uuid, text, varchar, char or an enum, "
    "whose values have one text in every session"
)


class Expression(NamedTuple):
    """Something to select from a road, and its type."""

    sql: sql.Composable
    type: str


class Joined(NamedTuple):
    """A table that was joined to a road."""

    alias: str
    table: Table
    on: sql.Composable
    optional: bool


class Road:
    """The way from the rows of a section to all that it refers to.

    Attributes:
        place: The section's place in the mapping.
        section: What is said there.
        table: The table whose rows they are.
        alias: What this table is called in SQL.
        tables: All tables by their aliases, in the order in which they are joined.
        read: The columns that were referred to so far, with their tables.
    """

    def __init__(self, catalogue: Catalogue, mapping: Mapping, number: int | None = None) -> None:
        """Follow the road of the email, or of the part with this number.

        Raises:
            ConfigError: It leads nowhere.
        """
        self._catalogue = catalogue
        self._mapping = mapping
        self.section: EmailMapping | PartMapping = (
            mapping.email if number is None else mapping.part[number]
        )
        self.place: Place = ("email",) if number is None else ("part", number)
        self.table = self._look_up(self.section.table, "table")
        given = self.section.alias if isinstance(self.section, PartMapping) else None
        self.alias = given or self.table.name
        self.tables = {self.alias: self.table}
        self.read: set[tuple[Table, str]] = set()
        self._joins: list[Joined] = []
        if isinstance(self.section, PartMapping):
            self._join(self.section)

    @property
    def sources(self) -> sql.Composable:
        """The FROM clause."""
        return self.sources_with({})

    def sources_with(
        self, rows: dict[str, sql.Composable], joined: Container[str] | None = None
    ) -> sql.Composable:
        """Return the FROM clause with other rows in place of the tables of some aliases.

        With `joined`, no other aliases are joined.
        """

        def source(alias: str, table: Table) -> sql.Composable:
            return sql.SQL("{} as {}").format(
                rows.get(alias, table.identifier), sql.Identifier(alias)
            )

        clause = source(self.alias, self.table)
        for join in self._joins:
            if joined is not None and join.alias not in joined:
                continue
            how = "left" if join.optional and join.alias not in rows else "inner"
            clause = sql.SQL("{}\n{} join {} on {}").format(
                clause, sql.SQL(how), source(join.alias, join.table), join.on
            )
        return clause

    def misfit(self, steps: Iterable[str | int], text: str, hint: str = "") -> ConfigError:
        """Return the error that says what is wrong with a setting of the section."""
        return self._mapping.misfit((*self.place, *steps), text, hint)

    def no_column(self, name: str, steps: Iterable[str | int], alias: str = "") -> ConfigError:
        """Return the error that a column is not there, with the nearest that is."""
        table = self.tables[alias or self.alias]
        near = get_close_matches(name, table.columns, n=1)
        text = f"table {alias or self.section.table!r} has no column {name!r}"
        return self.misfit(steps, text, f"did you mean {near[0]!r}?" if near else "")

    def key_columns(self) -> list[sql.Composable]:
        """Return the columns of the section's key.

        Raises:
            ConfigError: One is not there, or is of a type that no key can have.
        """
        for name in self.section.key:
            if name not in self.table.columns:
                raise self.no_column(name, ("key",))
            if name not in self.table.key_types:
                text = f"{name} is {self.table.columns[name]}, which cannot be of a key"
                raise self.misfit(("key",), text, KEY_TYPES)
        return [self.column(name, "key").sql for name in self.section.key]

    def has_key(self) -> sql.Composable:
        """Return the condition that a row has a key, which those of a view may not have."""
        if self.table.unique_keys is not None:
            return sql.SQL("true")
        given = (sql.SQL("{} is not null").format(column) for column in self.key_columns())
        return sql.SQL(" and ").join(given)

    def column(self, reference: str | Sql, *steps: str | int) -> Expression:
        """Return what a reference means: a column, `alias.column`, or an expression.

        Raises:
            ConfigError: There is no such column; or PostgreSQL says why it does not understand.
        """
        if isinstance(reference, Sql):
            expression = bracketed(reference.sql)
            return Expression(expression, self._type_of(expression, (*steps, "sql")))
        if reference in self.table.columns:
            return self._column(self.alias, reference)
        alias, dot, name = reference.partition(".")
        if not dot:
            raise self.no_column(reference, steps)
        if alias not in self.tables:
            near = get_close_matches(alias, self.tables, n=1)
            raise self.misfit(
                steps,
                f"no table is called {alias!r} here",
                f"did you mean {near[0]!r}?" if near else f"there is {', '.join(self.tables)}",
            )
        if name not in self.tables[alias].columns:
            raise self.no_column(name, steps, alias)
        return self._column(alias, name)

    def condition(self, fragment: str | None, *steps: str | int) -> sql.Composable:
        """Return the operator's condition over the road, or one that is always true.

        Raises:
            ConfigError: PostgreSQL does not understand it.
        """
        if fragment is None:
            return sql.SQL("true")
        condition = bracketed(fragment)
        kind = self._type_of(condition, steps)
        if kind != "boolean":
            raise self.misfit(steps, f"this is {kind}, and not true or false")
        return condition

    def text(self, given: str | Sql, *steps: str | int, fixed: Iterable[str] = ()) -> Expression:
        """Return what a column or a template means, as text; NULL where one of its columns is.

        Holes of a template that are `fixed` stay as they are, and no value can pass for one.

        Raises:
            ConfigError: As for a column; or the template is none.
        """
        if isinstance(given, Sql) or "{" not in given:
            return self.column(given, *steps)
        try:
            pieces = template.parse(given)
        except ValueError as error:
            raise self.misfit(steps, str(error)) from None
        composed = [self._piece(piece, fixed, steps) for piece in pieces]
        return Expression(sql.SQL("({})").format(sql.SQL(" || ").join(composed)), "text")

    def _piece(
        self, piece: str | template.Hole, fixed: Iterable[str], steps: Place
    ) -> sql.Composable:
        if isinstance(piece, str) or str(piece) in fixed:
            return sql.SQL("{}::text").format(sql.Literal(str(piece)))
        value = sql.SQL("{}::text").format(self.column(piece.column, *steps).sql)
        if fixed:
            value = sql.SQL("replace({}, '{{', '%7B')").format(value)
        if not piece.is_whole:
            length = [] if piece.end is None else [sql.Literal(piece.end - piece.start)]
            arguments = sql.SQL(", ").join([value, sql.Literal(piece.start + 1), *length])
            value = sql.SQL("substr({})").format(arguments)
        return value

    def _join(self, part: PartMapping) -> None:
        for number, join in enumerate(part.join):
            steps = ("join", number)
            table = self._look_up(join.table, *steps, "table")
            alias = join.alias or table.name
            if alias in self.tables:
                raise self.misfit(
                    (*steps, "table"),
                    f"a second table is called {alias!r} here",
                    "give it another name with: as = …",
                )
            self.tables[alias] = table
            self._add_join(Joined(alias, table, bracketed(join.on), join.optional), *steps, "on")

    def _add_join(self, join: Joined, *steps: str | int) -> None:
        self._joins.append(join)
        self._type_of(sql.SQL("true"), steps)

    def _look_up(self, name: str, *steps: str | int) -> Table:
        found = self._catalogue.table(name)
        if found is None:
            hint = "correct mailvault.toml, or make the example's tables: mailvault init --example"
            raise self.misfit(steps, f"there is no table {name!r}", hint)
        return found

    def _type_of(self, expression: sql.Composable, steps: Place) -> str:
        try:
            return self._catalogue.type_of(expression, self.sources)
        except psycopg.Error as error:
            text = f"PostgreSQL: {first_line(error)}"
            raise self.misfit(steps, text, error.diag.message_hint or "") from None

    def _column(self, alias: str, name: str) -> Expression:
        table = self.tables[alias]
        self.read.add((table, name))
        return Expression(sql.Identifier(alias, name), table.columns[name])


def bracketed(fragment: str) -> sql.Composable:
    """Return the operator's own SQL, so that a comment in it ends with it."""
    return sql.SQL("(") + sql.SQL(fragment) + sql.SQL("\n)" if "--" in fragment else ")")
