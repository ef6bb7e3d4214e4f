"""Arrays as PostgreSQL reads and writes them.

Every job passes here several times; psycopg, which can adapt anything, takes ten times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def numbers(values: Iterable[object]) -> str:
    """Write numbers or UUIDs, which need no quotes; None is NULL."""
    return f"{{{','.join(map(str, values))}}}".replace("None", "NULL")


def texts(values: Iterable[str | None]) -> str:
    """Write texts; None is NULL."""
    quoted = [
        "NULL" if value is None
        else _escaped(value) if "\\" in value or '"' in value
        else f'"{value}"'
        for value in values
    ]  # fmt: skip
    return f"{{{','.join(quoted)}}}"


def _escaped(value: str) -> str:
    value = value.replace("\\", r"\\").replace('"', r"\"")
    return f'"{value}"'


def blobs(values: Iterable[bytes | None]) -> str:
    """Write bytes; None is NULL."""
    quoted = ["NULL" if value is None else rf'"\\x{value.hex()}"' for value in values]
    return f"{{{','.join(quoted)}}}"


def parse_numbers(array: str | None) -> set[int]:
    """Read numbers."""
    return set(map(int, array[1:-1].split(","))) if array and array != "{}" else set()
