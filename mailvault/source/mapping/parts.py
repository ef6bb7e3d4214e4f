"""What the view of the parts selects from one part's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import psycopg
from psycopg import sql

from mailvault.models import TransferEncoding
from mailvault.source.mapping.key import KeyShape
from mailvault.source.mapping.road import Expression, Joined, Road

if TYPE_CHECKING:
    from mailvault.source.mapping.catalogue import Catalogue
    from mailvault.source.mapping.form import Column, Mapping, PartMapping

TEXT_TYPES = ("text", "character varying", "character")
NUMBERS = ("smallint", "integer", "bigint")
OF_DIGEST = ("{sha256}", "{sha256[0:2]}", "{sha256[2:4]}")
"""Holes of a key that the uploader fills."""

KNOWN = (
    "({filter} or exists (select from mailvault.shared_part as mailvault_shared "
    "where mailvault_shared.kind = {kind} and mailvault_shared.part_key = {key}::text))"
)
NOTHING = sql.SQL("null")
EMAIL = "mailvault_email"
"""What the table of the emails is called where it is joined for a type's sake."""


class PartRoad(Road):
    """The road of one part.

    Attributes:
        part: Its section.
        key: The columns that tell its rows apart.
        email_key: What leads to the email, as its key, once its columns were asked for.
        of_bytes: What the object depends on, once the columns were asked for.
    """

    email_key: sql.Composable
    of_bytes: sql.Composable

    def __init__(self, catalogue: Catalogue, mapping: Mapping, number: int, encoding: str) -> None:
        """With the encoding of the bytes that text stands for.

        Raises:
            ConfigError: It leads nowhere.
        """
        super().__init__(catalogue, mapping, number)
        self.part: PartMapping = mapping.part[number]
        self._encoding = encoding
        self._emails = self._look_up(mapping.email.table, "email")
        self.key_columns()
        self.key = KeyShape.of(self.table, self.part.key, f"part_key_of_{self.part.kind}")

    def columns(self, email: KeyShape) -> dict[str, sql.Composable]:
        """Return what to select, under the names of the view's template.

        Raises:
            ConfigError: A setting refers to what is not there, or to what it cannot be.
        """
        part = self.part
        links = self._links(email)
        self.email_key = email.row(links)
        named = zip(email.fields("email_key"), links, strict=False)
        path = self.text(part.path, "path").sql if part.path else NOTHING
        content = self._content()
        key = self.key.row(self.key_columns())
        encoding, object_key = self._transfer_encoding(), self._object_key()
        self.of_bytes = sql.SQL("row({})").format(
            sql.SQL(", ").join(
                [key, content["content"], content["large_object"], path, encoding, object_key]
            )
        )
        return {
            "email": self.email_key,
            "email_columns": sql.SQL("").join(
                sql.SQL(",\n    {} as {}").format(link, name) for name, link in named
            ),
            "kind": sql.Literal(part.kind),
            "key": key,
            **content,
            "path": path,
            "encoding": encoding,
            "filename": self._optional(part.filename, "filename", "coalesce({}::text, '')"),
            "content_type": self._optional(part.content_type, "content_type", "{}::text"),
            "object_key": object_key,
            "shared": sql.Literal(part.shared),
            "tables": self.sources,
            "has_key": self.has_key(),
            "filter": self._filter(key),
        }

    def tables_of_bytes(self) -> set[str]:
        """Return the aliases of the tables that the object depends on, in PostgreSQL's view.

        The others lead to emails, and say how the part is called there.
        """
        needed = {join.alias for join in self._joins}
        for join in reversed(self._joins):
            fewer = needed - {join.alias}
            try:
                self._catalogue.type_of(self.of_bytes, self.sources_with({}, fewer))
            except psycopg.ProgrammingError:
                continue
            needed = fewer
        return {self.alias, *needed}

    @property
    def has_large_objects(self) -> bool:
        """Whether its content is in large objects."""
        content = self.part.content
        return content is not None and _is_large_object(self.column(content, "content"))

    def source_bytes(self) -> sql.Composable | None:
        """Return the bytes as the table has them, if it is the table that has them."""
        if self.part.content is None:
            return None
        found = self.column(self.part.content, "content")
        kind = found.type.split("(")[0]
        if kind in TEXT_TYPES:
            return sql.SQL("convert_to({}, {})").format(found.sql, sql.Literal(self._encoding))
        if kind == "bytea":
            return found.sql
        if _is_large_object(found):
            return sql.SQL("lo_get({})").format(found.sql)
        raise self.misfit(
            ("content",),
            f"{self.part.content!r} is {kind}, which is neither text nor bytea nor the oid of a "
            "large object",
        )

    def _links(self, email: KeyShape) -> list[sql.Composable]:
        """Return what leads to the email, in the types of its key.

        Where a type differs, the email's table is joined, not the link cast: an index on the link
        is then still of use, and all parts have keys of one type.
        """
        given = [self.column(link, "email") for link in self.part.email]
        if len(given) != len(email.columns):
            raise self.misfit(
                ("email",), f"the key of the email has {len(email.columns)} columns, and not "
                f"{len(given)}"
            )  # fmt: skip
        if all(link.type == kind for link, kind in zip(given, email.types, strict=True)):
            return [link.sql for link in given]
        keys: list[sql.Composable] = [sql.Identifier(EMAIL, name) for name in email.columns]
        pairs = zip(keys, given, strict=True)
        equal = [sql.SQL("{} = {}").format(key, link.sql) for key, link in pairs]
        on = sql.SQL(" and ").join(equal)
        self._add_join(Joined(EMAIL, self._emails, on, optional=False), "email")
        return keys

    def _content(self) -> dict[str, sql.Composable]:
        part = self.part
        size = self._size()
        content = self.source_bytes()
        if content is None or part.content is None:
            return {
                "size": size, "in_table": sql.SQL("false"), "content": sql.SQL("null::bytea"),
                "large_object": sql.SQL("null::oid"), "present": sql.SQL("true"),
            }  # fmt: skip
        found = self.column(part.content, "content")
        is_there = sql.SQL("{} is not null").format(found.sql)
        in_table = is_there if part.path else sql.SQL("true")
        large: sql.Composable = sql.SQL("null::oid")
        length: sql.Composable = sql.SQL("octet_length({})").format(found.sql)
        if _is_large_object(found):
            # What it says of its size is not trusted, so it goes by way of a file. Its bytes are
            # no column of the view: the planner may read all of them for one slice.
            large, length = sql.SQL("{}::oid").format(found.sql), NOTHING
            content = sql.SQL("null::bytea")
        if part.path:
            size = sql.SQL("case when {} then {} else {} end").format(is_there, length, size)
        return {
            "size": size if part.path else length, "in_table": in_table, "content": content,
            "large_object": large, "present": sql.SQL("true") if part.path else is_there,
        }  # fmt: skip

    def _filter(self, key: sql.Composable) -> sql.Composable:
        """Return which rows are parts.

        What one email's parts were marked with must not hide a shared row from the next email.
        """
        condition = self.condition(self.part.filter, "filter")
        if not (self.part.shared and self.part.filter):
            return condition
        return sql.SQL(KNOWN).format(filter=condition, kind=sql.Literal(self.part.kind), key=key)

    def _size(self) -> sql.Composable:
        if self.part.size is None:
            return NOTHING
        found = self.column(self.part.size, "size")
        if found.type in NUMBERS:
            return found.sql
        # Some applications keep sizes as text, in which there may be anything.
        digits = "case when {0}::text ~ '^[0-9]{{1,18}}$' then {0}::text::bigint end"
        return sql.SQL(digits).format(found.sql)

    def _transfer_encoding(self) -> sql.Composable:
        given = self.part.encoding
        if given == "none":
            return sql.SQL("null::text")
        if given in get_args(TransferEncoding):
            return sql.SQL("{}::text").format(sql.Literal(given))
        return sql.SQL("nullif({}::text, 'none')").format(self.column(given, "encoding").sql)

    def _object_key(self) -> sql.Composable:
        if self.part.object_key is None:
            return sql.SQL("null::text")
        found = self.text(self.part.object_key, "object_key", fixed=OF_DIGEST)
        return sql.SQL("coalesce({}::text, '')").format(found.sql)

    def _optional(self, given: Column | None, setting: str, form: str) -> sql.Composable:
        if given is None:
            return sql.SQL("null::text")
        return sql.SQL(form).format(self.column(given, setting).sql)


def _is_large_object(found: Expression) -> bool:
    return found.type == "oid" or found.type.endswith(".lo")
