"""The application's tables: can mailvault find its way in them, and do what the mapping says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault.errors import MailvaultError
from mailvault.observe.doctor.finding import Finding
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.observe.doctor.examination import Examination, Row
    from mailvault.source.mapping.catalogue import Table

SMALL_TABLE = 10_000
"""Rows; so few are read as a whole for each group of emails without much ado."""


LOOK_AGAIN = (
    "mailvault enqueue --all; and: delete from mailvault.missed_change where email_key is null;"
)
TAKE_UP_AGAIN = (
    "with again as (delete from mailvault.missed_change where email_key is not null returning "
    "email_key) insert into mailvault.change (email_key) select email_key from again;"
)


def mapping(look: Examination) -> list[Finding]:
    """Find a mapping that names what is not there."""
    source = look.source
    if isinstance(source, MailvaultError):
        remedy = source.hint or "correct mailvault.toml, or connect as a role that may see it"
        return [Finding("mapping", "problem", str(source), remedy)]
    tables = ", ".join(dict.fromkeys(road.section.table for road in (source.email, *source.parts)))
    return [Finding("mapping", "ok", f"the mapping fits the database: {tables}")]


def keys(look: Examination) -> list[Finding]:
    """Find keys of emails and parts that nothing keeps unique."""
    columns = _columns(look, "key")
    found = [
        Finding(
            "keys", "problem",
            f"no unique index is on {_name(row)}: rows with the same key would count as one, and "
            "only one of them be moved",
            f"create unique index concurrently on {row['table_name']} ({row['column_name']});",
        )
        for row in columns if row["can_have_indexes"] and not row["is_unique"]
    ]  # fmt: skip
    found += [
        Finding(
            "keys", "notice", f"{row['table_name']} is no table, so that nothing tells whether "
            f"{row['column_name']} is unique and quickly found",
            "make sure of it for the tables below it",
        )
        for row in columns if not row["can_have_indexes"]
    ]  # fmt: skip
    unique = ", ".join(_name(row) for row in columns)
    return found or [Finding("keys", "ok", f"unique, and found by an index: {unique}")]


def indexes(look: Examination) -> list[Finding]:
    """Find the ways from an email to its parts that no index goes."""
    found = [
        Finding(
            "indexes",
            "notice" if 0 <= row["estimated_rows"] < SMALL_TABLE else "problem",
            f"no index starts with {_name(row)}: all of the table is read for each few emails",
            f"create index concurrently on {row['table_name']} ({row['column_name']});",
        )
        for row in _columns(look, "way")
        if row["can_have_indexes"] and not row["is_found"]
    ]
    return found or [Finding("indexes", "ok", "an index leads from emails to all of their parts")]


def rights(look: Examination) -> list[Finding]:
    """Find what the role, and the views through which it reads, may not do in the source."""
    role = look.server["role"]
    found = [
        _lacking(row, row["viewer"], "select")
        for row in _columns(look, "read")
        if not row["viewer_may_select"]
    ]
    for use, right in (("matched", "select"), ("written", "update")):
        found += [
            _lacking(row, role, right)
            for row in _columns(look, use)
            if not (row["may_use_schema"] and row[f"may_{right}"])
        ]
    return found or [Finding("rights", "ok", f"role {role} may read and mark the mail")]


def _lacking(row: Row, role: str, right: str) -> Finding:
    table, column, schema = row["table_name"], row["column_name"], row["schema_name"]
    usage = "" if row["may_use_schema"] else f"grant usage on schema {schema} to {role}; "
    who = (
        f"role {role}, which owns mailvault's views," if role == row["viewer"] else f"role {role}"
    )
    return Finding(
        "rights",
        "problem",
        f"{who} may not {right} {_name(row)}",
        f"{usage}grant {right} ({column}) on {table} to {role};",
    )


def row_security(look: Examination) -> list[Finding]:
    """Find tables whose policies may hide rows."""
    found = []
    for row in look.rows("row_security", **look.names_of_source()):
        hidden_from = {look.server["role"]} if row["for_role"] else set()
        hidden_from |= {row["viewer"]} if row["for_viewer"] else set()
        found += [
            Finding(
                "row_security", "warning",
                f"row-level security of {row['name']} applies to role {role}: emails that its "
                "policies hide are not moved, and not counted",
                f"alter role {role} bypassrls;",
            )
            for role in sorted(hidden_from)
        ]  # fmt: skip
    return found or [Finding("row_security", "ok", "no row is hidden from mailvault")]


def changes(look: Examination) -> list[Finding]:
    """Find changes that the triggers of `init --live` could not note, or workers not take up."""
    if not any(row["may_see"] for row in look.rows("may_see_changes")):
        return []  # other checks say why
    found = [
        Finding(
            "changes", "problem",
            f"{_missed(row)}, since {row['since']:%Y-%m-%d %H:%M}: {row['message']}",
            f"mend that, then: {TAKE_UP_AGAIN if row['emails'] else LOOK_AGAIN}",
        )
        for row in look.rows("missed_changes")
    ]  # fmt: skip
    return found or [Finding("changes", "ok", "no change of the application's was missed")]


def _missed(row: Row) -> str:
    if row["emails"]:
        return f"changes of {row['emails']} emails could not be taken up"
    if row["table_name"] == "eligible":
        return "mail that is eligible could not be looked for"
    return f"changes of {row['table_name']} were not noted"


def _name(row: Row) -> str:
    return f"{row['table_name']} ({row['column_name']})"


def _columns(look: Examination, use: str) -> list[Row]:
    """Return what the catalogue says of the columns that the mapping puts to a use."""
    assert isinstance(look.source, Source)
    uses = _uses(look.source)
    names = dict.fromkeys((table, column) for found, table, column in uses if found == use)
    tables = [table for table, _ in names]
    return look.rows(
        "columns",
        schemas=[table.schema for table in tables],
        tables=[table.name for table in tables],
        columns=[column for _, column in names],
    )


def _uses(source: Source) -> Iterator[tuple[str, Table, str]]:
    """Say what each column is used for, as (use, table, column).

    key: tells rows apart, alone. way: leads from an email to its parts. read: by the views.
    matched and written: by the functions that mark rows.
    """
    roads = (source.email, *source.parts)
    unique = {(road.table, *road.section.key) for road in roads if len(road.section.key) == 1}
    for road in roads:
        if len(road.section.key) == 1:
            yield "key", road.table, road.section.key[0]
    for part in source.parts:
        link = part.part.email[0]
        if isinstance(link, str) and (part.table, link) not in unique and not part.part.join:
            yield "way", part.table, link
    for road in roads:
        yield from (("read", table, column) for table, column in road.read)
        if road.section.write_back:
            yield from (("matched", road.table, column) for column in road.section.key)
        yield from (("written", road.table, column) for column in road.section.write_back)
