"""A backlog of any depth, with jobs of emails that need not be there until they are moved."""

from __future__ import annotations

import psycopg

from bench.queue import ours
from bench.queue.database import settle

CHUNK = 100_000


def fill(dsn: str, jobs: int) -> None:
    """Dispatch so many more jobs, as `enqueue` does but for reading the source."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "insert into mailvault.batch (state, total, dispatched, enqueued_at) "
            "values ('enqueued', %(jobs)s, %(jobs)s, now()) returning id",
            {"jobs": jobs},
        ).fetchone()
        assert row is not None
        for start in range(0, jobs, CHUNK):
            connection.execute(
                "select mailvault.dispatch("
                "%(batch)s, 5, array(select %(batch)s || '-' || i from generate_series(%(first)s, "
                "%(last)s) as i))",
                {"batch": row[0], "first": start + 1, "last": min(start + CHUNK, jobs)},
            )
    settle(dsn)


def prepare(dsn: str, jobs: int) -> None:
    """Make the schema with a backlog."""
    ours.initialise(dsn, 1)
    fill(dsn, jobs)
