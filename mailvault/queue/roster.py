"""Which workers there are, and how they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from mailvault.db import query

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

STALE = timedelta(seconds=20)
"""After this long without a heartbeat a worker is lost: four beats, so that one may be late."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One that lives, as its last heartbeat told."""

    worker: int
    host: str
    pid: int
    state: str
    in_flight: int
    concurrency: int
    processed: int
    failed: int
    memory: int | None
    started_at: datetime
    up_s: float
    heartbeat_age_s: float
    beats: int
    held_reason: str | None
    held_message: str | None
    held_since: datetime | None
    uploader: str
    uploader_reason: str

    @property
    def is_heard(self) -> bool:
        """Whether its last heartbeat is not too long ago."""
        return is_heard(self.heartbeat_age_s)


def is_heard(heartbeat_age_s: float) -> bool:
    """Return whether a worker that was last heard of so long ago is taken for alive."""
    return heartbeat_age_s < STALE.total_seconds()


def living(connection: psycopg.Connection, host: str | None = None) -> list[Worker]:
    """Return the workers that live, on one machine or on all."""
    with connection.cursor(row_factory=class_row(Worker)) as cursor:
        return cursor.execute(query("workers", "living"), {"host": host}).fetchall()


def told_to_stop(connection: psycopg.Connection) -> list[str]:
    """Return those that still run although all were told to end, by machine and process."""
    rows = connection.execute(query("workers", "told_to_stop"), {"stale": STALE}).fetchall()
    return [f"{host}:{pid}" for host, pid in rows]
