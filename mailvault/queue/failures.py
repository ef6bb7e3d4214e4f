"""Dead letters: what failed for good, and sending it round again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailvault.db import query

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


class Failures:
    """Lists dead letters and sends them back."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def each(self, limit: int | None = None) -> Iterator[DeadLetter]:
        """Go through the dead letters in the order of their jobs, a few in memory at a time."""
        with self._connection.cursor() as cursor:
            for row in cursor.stream(query("failures", "list"), {"limit": limit}, size=100):
                yield DeadLetter(*row)

    def count(self) -> int:
        """Return how many dead letters there are."""
        row = self._connection.execute(query("failures", "count")).fetchone()
        assert row is not None
        return int(row[0])

    def retry(self, jobs: Sequence[int] | None, *, reset: bool, limit: int | None) -> int:
        """Send dead letters back to the outbox: these jobs, or all; return how many.

        With `reset` their attempts start at zero, else each gets one more.
        """
        row = self._connection.execute(
            query("failures", "retry"),
            {"jobs": None if jobs is None else list(jobs), "reset": reset, "limit": limit},
        ).fetchone()
        assert row is not None
        return int(row[0])
