"""Writes a proposal as TOML, with what is known of each line as its comment."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mailvault.source.detect.proposal import Sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mailvault.source.detect.proposal import Line, Section, Value

HEAD = """\
# Proposed by `mailvault init --detect`, which says of each line how sure it is: certain, likely,
# or a guess. Lines that begin with # are to be filled in, or left out: see docs/mapping.md.
"""

FILES_ROOT = """\
# migration_files_root = "/…"      # fill in: the directory that paths start from
"""

WRITE_BACK = """\
# [email.write_back]              # nothing is written to your tables, unless it is said here
# your_column = "stored"
"""

WIDTH = 32
"""Columns before a comment, so that comments stand below each other."""

_NOT_LITERAL = re.compile(r"['\x00-\x1f\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def render(sections: Sequence[Section]) -> str:
    """Return the text of a file; the section of the emails is the first."""
    email, *parts = (_section(section) for section in sections)
    names = {line.setting for section in sections for line in section.lines}
    root = [FILES_ROOT] if "path" in names else []
    return "\n".join([HEAD, *root, email, WRITE_BACK, *parts])


def printable(text: str) -> str:
    """Return a text in one line, whatever names are in it."""
    return _CONTROL.sub(" ", text)


def _section(section: Section) -> str:
    lines: Iterable[str] = (_line(line) for line in section.lines)
    return "\n".join([section.header, *lines]) + "\n"


def _line(line: Line) -> str:
    setting = f"{'# ' if line.is_off else ''}{line.setting} = {_value(line.value)}"
    if not line.why:
        return setting
    return f"{setting:{WIDTH}}  # {printable(str(line.why))}"


def _value(value: Value) -> str:
    if isinstance(value, Sql):
        return f"{{ sql = {_value(value.sql)} }}"
    if isinstance(value, tuple) and len(value) == 1:
        return _value(value[0])
    if isinstance(value, str) and '"' in value and not _NOT_LITERAL.search(value):
        return f"'{value}'"
    # TOML has strings, arrays and booleans as JSON has them.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
