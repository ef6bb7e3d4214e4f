"""Planting a bug in a tree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.planted.bugs import Bug

ROOT = Path(__file__).parents[2]

SCHEMA = "sql/schema/"
LAST = "sql/migrations/9999_planted.sql"


def changed(tree: Path, bug: Bug) -> str:
    """The file with the bug in it; the text to be changed is there exactly once."""
    text = (tree / bug.file).read_text(encoding="utf-8")
    count = text.count(bug.text)
    assert count == 1, f"{bug.name}: its text is {count} times in {bug.file}"
    assert bug.text != bug.planted
    return text.replace(bug.text, bug.planted)


def plant(tree: Path, bug: Bug) -> None:
    """Write the bug into a tree; what a schema file defines replaces the migrations'."""
    text = changed(tree, bug)
    if bug.file.startswith(SCHEMA):
        text = re.sub(r"^create function", "create or replace function", text, flags=re.MULTILINE)
        (tree / LAST).write_text(text, encoding="utf-8")
    else:
        (tree / bug.file).write_text(text, encoding="utf-8")
