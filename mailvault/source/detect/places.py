"""Where the bytes of a part are: in a column, or in files that a column names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from mailvault.source.detect import shapes, words
from mailvault.source.detect.emails import columns_in
from mailvault.source.detect.proposal import Line, Reason, Sql

if TYPE_CHECKING:
    from mailvault.source.detect.proposal import Certainty
    from mailvault.source.detect.samples import Sampler
    from mailvault.source.detect.tables import Column, Table

ENDS = 60
"""Characters: what is never longer is not a body beside one that surely is."""


def bodies(table: Table, sampler: Sampler) -> list[Column]:
    """Return the columns of an email's table that are bodies by their names."""
    found = columns_in(table, "body")
    sure = [column for column in found if words.strength(column) == 3]
    if not sure:
        fair = [column for column in found if words.strength(column) == 2]
        return fair or found[:1] or _bytes(table)[:1]
    return [
        column
        for column in found
        if column in sure
        or (words.strength(column) == 2 and _is_long(sampler.values(table, column.name)))
    ]


def content_lines(table: Table, column: Column, sampler: Sampler) -> list[Line]:
    """Return what is to be said of a column with bytes."""
    values = sampler.values(table, column.name)
    look_like = shapes.mail(values)
    if look_like.nearly_all:
        why = Reason("likely", f"named like one, {look_like} sampled are HTML or raw mail")
    elif column.type == "bytea":
        why = Reason("likely", "bytea, named like one")
    else:
        sure = words.strength(column) == 3
        why = Reason("likely" if sure else "a guess", f"{column.type}, named like one")
    return [Line("content", column.name, why), *_encoding(table, values, sampler)]


def attached(table: Table) -> Column | None:
    """Return the column with the bytes of an attachment."""
    texts = columns_in(table, "data", "body")
    return next(iter(_bytes(table) or texts), None)


def path_line(table: Table, sampler: Sampler) -> Line | None:
    """Return the column that names files, if one does."""
    guess = None
    for column in columns_in(table, "path"):
        values = sampler.texts(table, column.name)
        found = shapes.paths(values)
        if found.nearly_all:
            directory = shapes.common_directory(values)
            if directory is not None:
                return _below(table, column, directory)
            return Line("path", column.name, Reason("likely", f"{found} sampled look like paths"))
        if not values and guess is None:
            why = Reason("a guess", "named like one, there are no values to look at")
            guess = Line("path", column.name, why)
    return guess or _in_directory(table, sampler)


def _in_directory(table: Table, sampler: Sampler) -> Line | None:
    """Return the path that a directory and a name make together."""
    directories, names = columns_in(table, "directory"), columns_in(table, "filename", "name")
    if not directories or not names:
        return None
    directory, name = directories[0].name, names[0].name
    values = sampler.texts(table, directory)
    slash = "" if values and all(value.endswith("/") for value in values) else "/"
    why = Reason("a guess", "named like a directory and a name in it")
    return Line("path", f"{{{directory}}}{slash}{{{name}}}", why)


def _below(table: Table, column: Column, directory: str) -> Line:
    """Return the path below a directory that all begin with; others stay, and are refused."""
    expression = sql.SQL(
        "case when starts_with({0}, {1}) then substr({0}, {2}) else {0} end"
    ).format(
        sql.Identifier(table.name, column.name),
        sql.Literal(directory),
        sql.Literal(len(directory) + 1),
    )
    why = Reason("a guess", f"all sampled begin with {directory}: set MIGRATION_FILES_ROOT to it")
    return Line("path", Sql(expression.as_string()), why)


def _encoding(table: Table, values: list[str | bytes], sampler: Sampler) -> list[Line]:
    for column in columns_in(table, "encoding"):
        if shapes.are_encodings(sampler.texts(table, column.name)):
            return [Line("encoding", column.name, Reason("likely", "its values are encodings"))]
    seen = shapes.encoding(values)
    if seen is None:
        return []
    name, found = seen
    certainty: Certainty = "likely" if found.found == found.sampled else "a guess"
    return [Line("encoding", name, Reason(certainty, f"{found} sampled values look like it"))]


def _bytes(table: Table) -> list[Column]:
    return [
        column for column in columns_in(table, "data", "body") if column.type in {"bytea", "oid"}
    ]


def _is_long(values: list[str | bytes]) -> bool:
    return not values or max(map(len, values)) > ENDS
