"""A named release of an application: its own tables, mail in them, and what must come of it."""

from __future__ import annotations

import base64
import csv
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"


class Expected(NamedTuple):
    """One body or attachment.

    Attributes:
        outcome: `moved`; `left`, because it is in S3 already, is no mail or has no bytes; `lost`,
            because its file is not there.
        part: The row of the application that has it, or links it to its email.
        application_key: Where the application looks for it in S3, if it does.
        where: Where its bytes are.
    """

    outcome: str
    email: str
    kind: str
    part: str
    size: str
    sha256: str
    filename: str
    content_type: str
    application_key: str
    where: str


class Release:
    """What `tests/applications/<name>` holds."""

    def __init__(self, name: str) -> None:
        self.name = name
        directory = HERE / name
        self.mapping = (EXAMPLES / f"{name}.toml").read_text()
        self.tables = (directory / "schema.sql").read_text() + (directory / "fill.sql").read_text()
        self.expected = [Expected(*row) for row in _rows(directory / "expect.tsv")]

    def lay_out(self, root: Path) -> None:
        """Put the files where the application keeps them."""
        files = HERE / self.name / "files.tsv"
        for path, content in _rows(files) if files.exists() else ():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(content))

    @property
    def failing(self) -> set[str]:
        """The emails that cannot be moved whole, and so are not recorded at all."""
        return {part.email for part in self.expected if part.outcome == "lost"}

    @property
    def recorded(self) -> list[Expected]:
        """The parts that must be in the ledger."""
        moved = (part for part in self.expected if part.outcome == "moved")
        return [part for part in moved if part.email not in self.failing]


def _rows(file: Path) -> Iterator[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        yield from rows
