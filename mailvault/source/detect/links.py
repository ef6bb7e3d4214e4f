"""How the rows of one table lead to those of another, with foreign keys or without."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from mailvault.source.detect import words
from mailvault.source.detect.proposal import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.source.detect.samples import Sampler
    from mailvault.source.detect.tables import Column, Table

TRIED = 4
"""Sets of columns that are named like a link, of which values are looked up."""


class Owner(NamedTuple):
    """A column that says which table a key is of, and the value that stands for one."""

    column: str
    value: str

    def condition(self, table: str) -> sql.Composed:
        """Return the condition that it is that one."""
        return sql.SQL("{} = {}").format(
            sql.Identifier(table, self.column), sql.Literal(self.value)
        )


class Target(NamedTuple):
    """A table that is led to, its key, and the words by which others call it."""

    table: Table
    key: tuple[str, ...]
    called: frozenset[str]


class Lead(NamedTuple):
    """Columns that equal the key of a target."""

    columns: tuple[str, ...]
    why: Reason
    owner: Owner | None = None


def lead(source: Table, target: Target, sampler: Sampler) -> Lead | None:
    """Return how a table's rows lead to a target, or None if nothing shows that they do."""
    for key in source.foreign_keys:
        if key.target == target.table.oid and set(key.target_columns) == set(target.key):
            by_target = dict(zip(key.target_columns, key.columns, strict=True))
            columns = tuple(by_target[name] for name in target.key)
            return Lead(columns, Reason("certain", "a foreign key"))
    leads = (find(source, target, sampler) for find in (_by_name, _by_owner, _by_values))
    return next((found for found in leads if found is not None), None)


def _by_name(source: Table, target: Target, sampler: Sampler) -> Lead | None:
    named = None
    elsewhere = {
        name
        for key in source.foreign_keys
        if key.target != target.table.oid
        for name in key.columns
    }
    for columns in islice(_named(source, target), TRIED):
        if elsewhere.issuperset(columns):
            continue
        found = sampler.keys(source, columns, target.table, target.key)
        if found.nearly_all:
            text = f"named like one, {found} sampled values are keys of {target.table.reference}"
            return Lead(columns, Reason("likely", text))
        if not found.sampled and named is None:
            named = Lead(
                columns, Reason("a guess", "named like one, there are no values to check")
            )
    return named


def _by_owner(source: Table, target: Target, sampler: Sampler) -> Lead | None:
    """Find a key beside a column that says of which table it is."""
    if len(target.key) > 1:
        return None
    for column in _comparable(source, target.table.columns[target.key[0]]):
        kind = _partner(source, column)
        if kind is None:
            continue
        for value in sorted(set(sampler.texts(source, kind))):
            if not words.words(value.split("\\")[-1]) & (words.words(target.table.name)):
                continue
            owner = Owner(kind, value)
            found = sampler.keys(
                source, [column.name], target.table, target.key, owner.condition("t")
            )
            if found.nearly_all:
                text = (
                    f"{found} sampled values of this {kind} are keys of {target.table.reference}"
                )
                return Lead((column.name,), Reason("likely", text), owner)
    return None


def _by_values(source: Table, target: Target, sampler: Sampler) -> Lead | None:
    """Find a key by its values alone, where these are such that it can be no other's."""
    if len(target.key) > 1:
        return None
    key = target.table.columns[target.key[0]]
    if key.family != "uuid":
        return None
    for column in _comparable(source, key):
        found = sampler.keys(source, [column.name], target.table, target.key)
        if found.nearly_all:
            text = f"{found} sampled values are keys of {target.table.reference}"
            return Lead((column.name,), Reason("likely", text))
    return None


def _named(source: Table, target: Target) -> Iterator[tuple[str, ...]]:
    """Yield columns that are named like the key of a target, the likeliest first."""
    choices = []
    for name in target.key:
        comparable = _comparable(source, target.table.columns[name])
        like = [each.name for each in comparable if _is_like(each.name, target)]
        like.sort(key=lambda column: not words.words(column) & words.words(target.table.name))
        if len(target.key) > 1:
            same = [each.name for each in comparable if each.name == name]
            like = like + same if words.snake(name) in {"id", "key", "uuid"} else same or like
        choices.append(like)
    for columns in product(*choices):
        if len(set(columns)) == len(columns) and any(_is_like(name, target) for name in columns):
            yield columns


def _is_like(column: str, target: Target) -> bool:
    return words.leads_to(column, target.table.name, set(target.called))


def _comparable(source: Table, key: Column) -> list[Column]:
    return [column for column in source.columns.values() if column.family == key.family]


def _partner(source: Table, column: Column) -> str | None:
    """Return the column `x_type` that belongs to `x_id`."""
    stem = words.snake(column.name).removesuffix("_id")
    return next(
        (
            other.name
            for other in source.columns.values()
            if other.is_text and words.snake(other.name) == f"{stem}_type"
        ),
        None,
    )
