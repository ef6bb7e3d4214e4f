"""Dead letters: what failed for good, and sending it round again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from mailvault.db import query
from mailvault.errors import MailvaultError
from mailvault.queue.control import operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that used up its attempts or cannot succeed."""

    job: int
    email: str
    batch: int
    reason: str
    message: str
    attempts: int
    died_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some emails failed for good, with one of them as an example."""

    reason: str
    count: int
    job: int
    email: str
    message: str


@dataclass(frozen=True, slots=True)
class JobState:
    """A job, and where it is now: ready, delayed, in hand, failed, cleared or stored.

    Attributes:
        reason: Why it failed for good, if it did.
        since: Since when it is in hand, failed or cleared.
        until: When it is tried again, if it is delayed.
        by: Who has it in hand or cleared it.
    """

    job: int
    email: str
    batch: int
    state: str
    reason: str | None
    since: datetime | None
    until: datetime | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that failed; the host is None where the worker is not on record."""

    attempt: int
    failed_at: datetime
    worker: int
    host: str | None
    reason: str
    message: str


class Which(NamedTuple):
    """Which dead letters: those of some jobs, of a reason, of a batch; None sets no limit."""

    jobs: list[int] | None = None
    reason: str | None = None
    batch: int | None = None


ALL = Which()


class Count(NamedTuple):
    """How many dead letters there are, how many more that were cleared, and when that was so."""

    listed: int
    cleared: int
    at: datetime


class Failures:
    """Lists dead letters and sends them back."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def each(self, which: Which = ALL, limit: int | None = None) -> Iterator[DeadLetter]:
        """Go through the dead letters in the order of their jobs, a few in memory at a time."""
        with self._connection.cursor() as cursor:
            parameters = {"reason": which.reason, "batch": which.batch, "limit": limit}
            for row in cursor.stream(query("failures", "list"), parameters, size=100):
                yield DeadLetter(*row)

    def count(self, which: Which = ALL) -> Count:
        """Return how many dead letters there are: of some jobs, or else by reason and batch."""
        return Count._make(self._one("count" if which.jobs is None else "count_jobs", which))

    def reasons(self, batch: int | None = None) -> list[Reason]:
        """Return why emails failed for good, of one batch or of all: the most frequent first."""
        with self._connection.cursor(row_factory=class_row(Reason)) as cursor:
            return cursor.execute(query("observe", "reasons"), {"batch": batch}).fetchall()

    def find(self, job: int) -> JobState:
        """Return a job, whether it failed or not, as it is now.

        Raises:
            MailvaultError: There is none of that number.
        """
        with self._connection.cursor(row_factory=class_row(JobState)) as cursor:
            found = cursor.execute(query("failures", "job"), {"job": job}).fetchone()
        if found is None:
            raise MailvaultError(f"there is no job {job}", hint="see: mailvault failed list")
        return found

    def attempts(self, job: int) -> list[Attempt]:
        """Return the attempts of a job that failed, in their order."""
        with self._connection.cursor(row_factory=class_row(Attempt)) as cursor:
            return cursor.execute(query("failures", "attempts"), {"job": job}).fetchall()

    def retry(self, which: Which = ALL, *, reset: bool, limit: int | None = None) -> int:
        """Send dead letters back to the outbox; return how many.

        With `reset` their attempts start at zero, else each gets one more. What was cleared goes
        back only by the number of its job.
        """
        [sent] = self._one("retry", which, reset=reset, limit=limit, by=operator())
        return int(sent)

    def clear(self, which: Which, until: datetime) -> int:
        """Have dead letters listed no longer, of those that died until then; return how many."""
        [cleared] = self._one("clear", which, by=operator(), until=until)
        return int(cleared)

    def _one(self, name: str, which: Which, **parameters: object) -> tuple[Any, ...]:
        row = self._connection.execute(
            query("failures", name), {**which._asdict(), **parameters}
        ).fetchone()
        assert row is not None
        return row
