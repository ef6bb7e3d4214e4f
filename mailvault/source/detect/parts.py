"""The bodies and attachments of the emails, and how they lead to them."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from mailvault.source.detect import places, words
from mailvault.source.detect.emails import columns_in, key_reason
from mailvault.source.detect.links import Target, lead
from mailvault.source.detect.proposal import Line, Reason, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mailvault.source.detect.emails import Candidate
    from mailvault.source.detect.links import Lead, Owner
    from mailvault.source.detect.samples import Sampler
    from mailvault.source.detect.tables import Table

COMPANIONS = {"filename": 2, "content_type": 2, "path": 2, "size": 1, "digest": 1, "name": 1}
"""What an attachment has beside its bytes, and how much each says."""

ENOUGH = 3
TABLES = 6
"""The likeliest tables of parts, of which links are looked for."""

CALLS_MAIL = frozenset(words.MAIL | {"parent", "owner"})
OWN = Reason("certain", "the emails' own table")
LINK = "link"
"""What the table in between is called in the mapping."""


class Link(NamedTuple):
    """A table between parts and emails."""

    table: Table
    to_email: Lead
    to_part: Lead


def part_sections(
    email: Candidate, tables: Sequence[Table], sampler: Sampler
) -> Iterator[list[Section]]:
    """Yield the sections of each sort of part, which are one, and one for a table in between."""
    own = places.bodies(email.table, sampler)
    kinds: set[str] = set()
    for column in own:
        kind = _numbered("body" if len(own) == 1 else _kind(column.name), kinds)
        lines = _head(kind, email.table, OWN)
        lines.append(Line("email", email.key, Reason("certain", "its own key")))
        lines += places.content_lines(email.table, column, sampler)
        yield [_titled(lines, kind, email.table)]
    if not own and (path := places.path_line(email.table, sampler)):
        lines = [*_head("body", email.table, OWN), Line("email", email.key), path]
        kinds.add("body")
        yield [_titled(lines, "body", email.table)]
    target = Target(email.table, email.key, CALLS_MAIL)
    for table in _likeliest(tables, email):
        sections = _of_table(table, target, tables, sampler, kinds)
        if sections:
            yield sections


def _likeliest(tables: Sequence[Table], email: Candidate) -> list[Table]:
    scored = [(_score(table), table) for table in tables if table is not email.table]
    likely = [pair for pair in scored if pair[0] >= ENOUGH]
    return [table for _, table in sorted(likely, key=lambda pair: -pair[0])[:TABLES]]


def _signs(table: Table) -> list[str]:
    """Return what makes a table look like one of parts."""
    names = [each.name for each in columns_in(table, *COMPANIONS)]
    return names + (["its name"] if words.is_files(table.name) else []) + ["it leads to emails"]


def _score(table: Table) -> int:
    if words.is_other(table.name) or not table.unique_keys:
        return 0
    place = places.attached(table)
    if place is None and not columns_in(table, "path", "directory"):
        return 0
    score = sum(points for role, points in COMPANIONS.items() if columns_in(table, role))
    if place is not None:
        score += 3 if place.type in {"bytea", "oid"} else words.strength(place)
    return score + (2 if words.is_files(table.name) else 0)


def _of_table(
    table: Table, target: Target, tables: Sequence[Table], sampler: Sampler, kinds: set[str]
) -> list[Section]:
    where = _places(table, sampler)
    link: Link | None = None
    direct = lead(table, target, sampler) if where else None
    if where and direct is None:
        link = _between(table, target, tables, sampler)
    if not where or (direct is None and link is None):
        return []
    kind = _new_kind(table, kinds)
    lines = _head(kind, table, Reason("likely", ", ".join(_signs(table))))
    sections = [_titled(lines, kind, table)]
    if direct is not None:
        lines.append(Line("email", direct.columns, direct.why))
        if direct.owner is not None:
            lines.append(_filter(table.name, direct.owner, direct.why))
    elif link is not None:
        columns = tuple(f"{LINK}.{name}" for name in link.to_email.columns)
        lines.append(Line("email", columns, link.to_email.why))
        if set(link.to_part.columns) not in map(set, link.table.unique_keys):
            lines.append(Line("shared", True, Reason("certain", f"{link.table.name} is a list")))
        if link.to_email.owner is not None:
            lines.append(_filter(LINK, link.to_email.owner, link.to_email.why))
        sections.append(_join(link, table))
    lines += where
    lines += _about(table, link)
    return sections


def _between(
    table: Table, target: Target, tables: Sequence[Table], sampler: Sampler
) -> Link | None:
    """Find a table whose rows lead both to an email and to a part."""
    called = words.words(table.name)
    part = Target(table, table.unique_keys[0], frozenset(words.FILE))
    for other in tables:
        if other in (table, target.table) or not _may_link(other, target.table, called):
            continue
        to_part = lead(other, part, sampler)
        to_email = lead(other, target, sampler) if to_part else None
        if to_part and to_email and set(to_part.columns) != set(to_email.columns):
            return Link(other, to_email, to_part)
    return None


def _may_link(other: Table, email: Table, called: set[str]) -> bool:
    names = words.words(other.name)
    targets = {key.target for key in other.foreign_keys}
    return (
        email.oid in targets
        or bool(names & called)
        or bool(names & words.words(email.name) or names & words.FILE)
    )


def _places(table: Table, sampler: Sampler) -> list[Line]:
    column = places.attached(table)
    lines = [] if column is None else places.content_lines(table, column, sampler)
    path = places.path_line(table, sampler)
    return lines if path is None else [*lines, path]


def _about(table: Table, link: Link | None) -> Iterator[Line]:
    """Yield the settings that say what an attachment is, by its table or the one in between."""
    for setting, roles in (
        ("filename", ("filename", "name")),
        ("content_type", ("content_type",)),
        ("size", ("size",)),
    ):
        found = [each.name for role in roles for each in columns_in(table, role)]
        if link is not None:
            found += [f"{LINK}.{each.name}" for each in columns_in(link.table, *roles)]
        if found:
            yield Line(setting, found[0], Reason("likely", "named like it"))
    for column in columns_in(table, "digest")[:1]:
        yield Line(
            "object_key", f"{{{column.name}}}", "there is a digest, if that is to be the key",
            is_off=True,
        )  # fmt: skip


def _head(kind: str, table: Table, why: Reason) -> list[Line]:
    key = table.unique_keys[0] if table.unique_keys else (next(iter(table.columns)),)
    return [
        Line("kind", kind),
        Line("table", table.reference, why),
        Line("key", key, key_reason(table)),
    ]


def _join(link: Link, table: Table) -> Section:
    pairs = zip(link.to_part.columns, table.unique_keys[0], strict=True)
    condition = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(LINK, ours), sql.Identifier(table.name, key))
        for ours, key in pairs
    )
    return Section(
        "[[part.join]]",
        [
            Line("table", link.table.reference, Reason("likely", "it leads to both")),
            Line("as", LINK),
            Line("on", condition.as_string(), link.to_part.why),
        ],
        link.table.reference,
    )


def _filter(table: str, owner: Owner, why: Reason) -> Line:
    return Line("filter", owner.condition(table).as_string(), why)


def _titled(lines: list[Line], kind: str, table: Table) -> Section:
    return Section("[[part]]", lines, table.reference, f"{kind} in {table.reference}")


def _new_kind(table: Table, kinds: set[str]) -> str:
    is_file = words.is_files(table.name) or columns_in(table, *COMPANIONS)
    kind = "attachment" if is_file else "body"
    return _numbered(_kind(table.name) if kind in kinds else kind, kinds)


def _numbered(kind: str, kinds: set[str]) -> str:
    """Return a kind that there is not yet, and remember it."""
    others = (f"{kind[:27]}_{number}" for number in count(2))
    found = next(name for name in chain([kind], others) if name not in kinds)
    kinds.add(found)
    return found


def _kind(name: str) -> str:
    """Return a name as the kind of a part may be."""
    return (
        words.snake(name).encode("ascii", "ignore").decode().lstrip("_0123456789")[:31] or "part"
    )
