"""Text with columns in braces, such as `{sha[0:2]}/{sha}`, taken apart."""

from __future__ import annotations

import re
from typing import NamedTuple

_HOLE = re.compile(r"\{([^{}\[\]]+)(?:\[(\d*):(\d*)\])?\}")


class Hole(NamedTuple):
    """A column in a template, or some characters of it, counted from 0."""

    column: str
    start: int = 0
    end: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is not some characters only."""
        return not self.start and self.end is None

    def __str__(self) -> str:
        """Return it as it is written."""
        if self.is_whole:
            return f"{{{self.column}}}"
        return f"{{{self.column}[{self.start}:{'' if self.end is None else self.end}]}}"


def parse(text: str) -> list[str | Hole]:
    """Split a template into text and columns.

    Raises:
        ValueError: A brace has no counterpart, or holds no name.
    """
    pieces: list[str | Hole] = []
    position = 0
    for hole in _HOLE.finditer(text):
        pieces.append(text[position : hole.start()])
        start, end = int(hole[2] or 0), int(hole[3]) if hole[3] else None
        if end is not None and end <= start:
            raise ValueError(f"{hole[0]}: a slice ends after its start")
        pieces.append(Hole(hole[1], start, end))
        position = hole.end()
    pieces.append(text[position:])
    for piece in pieces:
        if isinstance(piece, str) and ("{" in piece or "}" in piece):
            raise ValueError(f"{text}: write a column as {{name}} or {{name[0:2]}}")
    return [piece for piece in pieces if piece]
