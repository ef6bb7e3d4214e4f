"""What the reference keeps: jobs, batches, workers and the application's emails.

Times are microseconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000
MAX_ATTEMPTS = 3
DELAY = 20 * SECOND
TIMEOUT = 285 * SECOND
STALE = 20 * SECOND
NEW = "a new job"


class Hold(NamedTuple):
    """What a worker believes to hold."""

    job: int
    token: str


@dataclass(slots=True)
class Job:
    """One email on its way; `place` is the table that has it."""

    email: int
    batch: int
    priority: int
    id: int = 0
    place: str = "ready"
    attempts: int = 0
    postponed_at: int = 0
    due: int = 0
    token: str = ""
    worker: int = 0
    leased_at: int = 0
    deadline: int = 0
    cancelled: bool = False
    reason: str = ""
    message: str = ""


@dataclass(slots=True)
class Batch:
    """One run of enqueue; number 0 is what the application dispatches itself."""

    keys: frozenset[int] | None = None
    most: int | None = None
    priority: int = 1
    total: int = 0
    state: str = "open"
    dispatched: int = 0
    position: int = 0
    started: bool = False
    own: int = 0
    cancelled: int = 0
    parts: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Worker:
    """A worker's row."""

    state: str
    heartbeat: int
    beats: int = 0


@dataclass(slots=True)
class Email:
    """The application's columns that mailvault writes to."""

    migrated: bool = False
    attempts: int = 0
    error: str | None = None
    path: str | None = None
    file_path: str | None = None


@dataclass(slots=True)
class Step:
    """One transaction.

    Attributes:
        answer: What the caller must be told.
        locked: Jobs whose rows it locks until it ends.
        rows: Other rows that it locks.
        apply: What it does, once committed; takes the answer that was really given.
    """

    answer: Any
    apply: Callable[[Any], None]
    locked: frozenset[int] = frozenset()
    rows: frozenset[tuple[object, ...]] = frozenset()


def object_key(kind: str, email: int) -> str:
    """Where a part of an email is stored."""
    return f"{kind}/{email}"
