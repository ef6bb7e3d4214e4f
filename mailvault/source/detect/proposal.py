"""What is proposed: settings, each with how sure it is and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

Certainty: TypeAlias = Literal["certain", "likely", "a guess"]


class Reason(NamedTuple):
    """Why something is proposed."""

    certainty: Certainty
    text: str

    def __str__(self) -> str:
        return f"{self.certainty}: {self.text}"


class Sql(NamedTuple):
    """An expression in SQL, in the place of a column."""

    sql: str


Value: TypeAlias = str | bool | tuple[str, ...] | Sql


class Line(NamedTuple):
    """A setting; one that is off is a comment, to be filled in."""

    setting: str
    value: Value
    why: Reason | str = ""
    is_off: bool = False


@dataclass(slots=True)
class Section:
    """A section of the file.

    Attributes:
        title: What the summary calls it: a table, and what it was taken for.
        table: That table, as the mapping names it.
    """

    header: str
    lines: list[Line]
    table: str
    title: str = ""

    @property
    def certainty(self) -> Certainty:
        """How sure it is of the line that it is least sure of."""
        found = [line.why.certainty for line in self.lines if isinstance(line.why, Reason)]
        return max(found, key=get_args(Certainty).index, default="certain")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping as text, and what there is to say of it to whoever asked for it."""

    text: str
    findings: tuple[str, ...]
