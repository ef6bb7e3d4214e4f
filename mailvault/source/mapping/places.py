"""Where in its file each line of a mapping is, for errors that say so."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_SECTION = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_SETTING = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[\w-]+)*)\s*=""")


class Places:
    """The numbers of the lines, by the steps that lead to them: `("part", 0, "content")`.

    It reads the headers of sections and the beginnings of lines alone, which the parser of TOML
    does not tell of; that the file is TOML is known by then.
    """

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._lines = dict(_places(text))

    def of(self, steps: Iterable[str | int]) -> str:
        """Return `file:line` of a setting; of its section, where it has no line of its own."""
        wanted = tuple(steps)
        while wanted and wanted not in self._lines:
            wanted = wanted[:-1]
        return f"{self._file}:{self._lines[wanted]}" if wanted else str(self._file)


def _places(text: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    section: tuple[str | int, ...] = ()
    counts: Counter[tuple[str | int, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _SECTION.match(line):
            section = ()
            *outer, last = _steps(header[2])
            for step in outer:
                section = (*section, step)
                if counts[section]:
                    section = (*section, counts[section] - 1)
            section = (*section, last)
            if header[1] == "[[":
                counts[section] += 1
                section = (*section, counts[section] - 1)
            yield section, number
        elif setting := _SETTING.match(line):
            yield (*section, *_steps(setting[1])), number


def _steps(text: str) -> list[str]:
    return [step.strip().strip("\"'") for step in text.split(".")]
