"""Which of the tables has a row per email."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from mailvault.source.detect import shapes, words
from mailvault.source.detect.proposal import Line, Reason, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.source.detect.proposal import Certainty
    from mailvault.source.detect.samples import Sampler
    from mailvault.source.detect.tables import Column, Table

COMPANIONS = {"subject": 3, "sender": 2, "recipients": 2, "message_id": 2}
"""What an email has beside its body, and how much each says."""

ENOUGH = 4
SURE = 8
SAMPLED_TABLES = 8
"""The likeliest tables, whose values are looked at."""


@dataclass(slots=True)
class Candidate:
    """A table that may be the one of the emails.

    Attributes:
        score: How much speaks for it.
        signs: What does.
        is_like_mail: Whether any of that is told of mail alone; others have bodies too.
    """

    table: Table
    score: int = 0
    signs: tuple[str, ...] = ()
    is_like_mail: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell its rows apart, as far as an index says."""
        if self.table.unique_keys:
            return self.table.unique_keys[0]
        names = list(self.table.columns)
        return (next((name for name in names if words.snake(name) == "id"), names[0]),)

    def add(self, points: int, sign: str, *, of_mail: bool = True) -> None:
        """Count a sign."""
        self.score += points
        self.signs = (*self.signs, sign)
        self.is_like_mail = self.is_like_mail or of_mail


def columns_in(table: Table, *roles: str) -> list[Column]:
    """Return the columns that have one of some roles by their names, in the table's order."""
    return [column for column in table.columns.values() if words.role(column) in roles]


def candidates(tables: Sequence[Table], sampler: Sampler) -> list[Candidate]:
    """Return the tables that may have the emails, the likeliest first."""
    found = [_by_names(table) for table in tables]
    for candidate in found:
        if any(
            key.target == candidate.table.oid and words.is_files(other.name)
            for other in tables
            for key in other.foreign_keys
        ):
            candidate.add(2, "files refer to it", of_mail=False)
    likeliest = sorted(found, key=_rank)[:SAMPLED_TABLES]
    for candidate in likeliest:
        _by_values(candidate, sampler)
    return sorted(likeliest, key=_rank)


def is_enough(candidate: Candidate) -> bool:
    """Whether a table is likely enough to have the emails for a mapping to be made of it."""
    return candidate.is_like_mail and candidate.score >= ENOUGH


def email_section(candidate: Candidate) -> Section:
    """Return the section of the emails."""
    table = candidate.table
    certainty: Certainty = "likely" if candidate.score >= SURE else "a guess"
    lines = [
        Line("table", table.reference, Reason(certainty, ", ".join(candidate.signs))),
        Line("key", candidate.key, key_reason(table)),
    ]
    ranked = [
        (rank, column.name)
        for column in table.columns.values()
        if (rank := words.received_rank(column)) is not None
    ]
    if ranked:
        rank, name = min(ranked, key=lambda pair: pair[0])
        sure: Certainty = "likely" if rank < 5 else "a guess"
        lines.append(Line("received", name, Reason(sure, "a time, named like it")))
    else:
        lines.append(
            Line("received", "…", "fill in: when it came, for --since and --until", is_off=True)
        )
    lines.append(Line("filter", _filter(table), "fill in: SQL, which emails to move", is_off=True))
    return Section("[email]", lines, table.reference, f"emails in {table.reference}")


def key_reason(table: Table) -> Reason:
    """Return how sure it is that the key of a table is one."""
    refused = [n for n in (table.unique_keys or [()])[0] if not table.columns[n].may_be_key]
    if refused:
        return Reason("a guess", f"init will refuse {refused[0]}: it may be NULL, or of that type")
    if table.has_primary_key:
        return Reason("certain", "the primary key")
    if table.unique_keys:
        return Reason("certain", "a unique index")
    return Reason("a guess", "nothing keeps it unique, and init will ask for a unique index")


def _filter(table: Table) -> str:
    flag = next(filter(words.is_flag, table.columns.values()), None)
    if flag is None:
        return "…"
    condition = "not {}" if flag.type == "boolean" else "{} is null"
    return sql.SQL(condition).format(sql.Identifier(flag.name)).as_string()


def _by_names(table: Table) -> Candidate:
    candidate = Candidate(table)
    for role, points in COMPANIONS.items():
        found = columns_in(table, role)
        if found:
            candidate.add(points, found[0].name)
    bodies = columns_in(table, "body")
    if bodies:
        best = max(bodies, key=words.strength)
        candidate.add(words.strength(best), best.name, of_mail=False)
    if any(words.received_rank(column) is not None for column in table.columns.values()):
        candidate.score += 1
    if words.is_mail(table.name):
        candidate.add(2, "its name")
    if words.is_other(table.name):
        candidate.score -= 8
    if words.is_files(table.name):
        candidate.score -= 2
    return candidate


def _by_values(candidate: Candidate, sampler: Sampler) -> None:
    table = candidate.table
    for column in columns_in(table, "sender", "recipients")[:1]:
        found = shapes.addresses(sampler.texts(table, column.name))
        if found.nearly_all:
            candidate.add(2, f"{found} sampled {column.name} are addresses")
    for column in columns_in(table, "body", "data"):
        found = shapes.mail(sampler.values(table, column.name))
        if found.nearly_all:
            candidate.add(3, f"{found} sampled {column.name} are HTML or raw mail")
            return


def _rank(candidate: Candidate) -> tuple[int, int, str]:
    return -candidate.score, -candidate.table.rows, candidate.table.reference
