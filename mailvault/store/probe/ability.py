"""What may be asked of a bucket, and what was seen when it was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.store.probe.trial import Trial


@dataclass(frozen=True, slots=True)
class Seen:
    """What a bucket did.

    Attributes:
        answer: Whether it has the ability.
        detail: What it said or did, or why it was not tried.
    """

    answer: Literal["yes", "no", "not tried"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that a store may be able to do, and what it matters.

    Attributes:
        name: One word, for programs.
        about: What the bucket does: "it can …".
        attempt: Tries it.
        severity: How bad it is where it lacks.
        use: What mailvault does with it.
        instead: What mailvault does, or what follows, where it lacks.
        remedy: What to do then; `{bucket}` stands for the bucket's name.
    """

    name: str
    about: str
    attempt: Callable[[Trial], Seen]
    severity: Literal["ok", "notice", "warning", "problem"]
    use: str
    instead: str
    remedy: str | None = None


def yes(detail: str = "") -> Seen:
    """The bucket did what was asked."""
    return Seen("yes", detail)


def no(detail: str) -> Seen:
    """The bucket did not, and this is what it did."""
    return Seen("no", detail)


def seen(did: bool, otherwise: str) -> Seen:
    """Say yes, or what happened otherwise."""
    return yes() if did else no(otherwise)


def noticed(refusal: str | None, otherwise: str) -> Seen:
    """Say yes where the store refused what is wrong, or what it did instead."""
    return no(otherwise) if refusal is None else yes(refusal)
