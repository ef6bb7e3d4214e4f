"""Our contender: makes the jobs with `enqueue`, and ends them with the worker's own calls.

`python -m bench.queue.ours DSN GROUP` claims up to GROUP jobs, acks the same leases with no
parts, and so on until nothing is left; a worker's heart beats beside it.
"""

from __future__ import annotations

import os
import sys
import threading
import tomllib
from datetime import timedelta

from pydantic import SecretStr

from bench.queue.marks import Marks
from mailvault.config import Settings
from mailvault.db import Pool, connect, sql_directory
from mailvault.migrate import migrate
from mailvault.queue.batches import Batches, Selection
from mailvault.queue.outbox import Outbox, Record, RetryPolicy
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import install_source
from mailvault.worker.heart import Heart, VitalSigns
from mailvault.worker.stop import Stop

BODIES_ONLY = Mapping.model_validate(
    tomllib.loads("""
        [email]
        table = "emails"
        key = "id"

        [[part]]
        kind = "body"
        table = "emails"
        key = "id"
        email = "id"
        content = "body"
    """)
)
"""Writes nothing back: a job then changes no row of the application's, as with the peers."""

CHUNK = 10_000


def _settings(dsn: str) -> Settings:
    return Settings(database_url=SecretStr(dsn))


def initialise(dsn: str, emails: int, *, write_back: bool = False) -> None:
    """Make the schema, and emails with short bodies of which none is enqueued yet."""
    with connect(_settings(dsn)) as connection:
        migrate(connection)
        with connection.transaction():
            connection.execute((sql_directory() / "example.sql").read_text(encoding="utf-8"))
            install_source(connection, load_mapping() if write_back else BODIES_ONLY)
        connection.execute(
            "insert into emails (body) select '<p>email ' || i || '</p>' "
            "from generate_series(1, %s) as i",
            [emails],
        )
        connection.execute("vacuum analyze emails")


def prepare(dsn: str, jobs: int, *, write_back: bool = False) -> None:
    """Make the schema and enqueue so many emails."""
    initialise(dsn, jobs, write_back=write_back)
    with connect(_settings(dsn)) as connection:
        batches = Batches(connection)
        batch = batches.open(Selection())
        assert batch is not None
        for _ in batches.dispatch(batch, CHUNK):
            pass


def open_outbox(dsn: str, *, concurrency: int) -> Outbox:
    """Return the queue as a worker sees it."""
    policy = RetryPolicy(3, delay=timedelta(seconds=60), timeout=timedelta(seconds=300))
    outbox = Outbox(Pool(dsn), policy)
    outbox.register(
        host="bench", pid=os.getpid(), concurrency=concurrency, uploader="none",
        uploader_reason="no-op",
    )  # fmt: skip
    return outbox


class NoOp:
    """Does nothing with what it claims, and says so to its heart."""

    def __init__(self, group: int) -> None:
        self._group = group
        self.turns = 0

    def vital_signs(self) -> VitalSigns:
        return VitalSigns("running", self._group, None, self.turns, Record(0, 0, 0))

    def be_wary(self) -> None:
        """Nothing is claimed behind its back."""


def work(dsn: str, group: int) -> None:
    """End all jobs, so many at once."""
    outbox = open_outbox(dsn, concurrency=group)
    marks = Marks()
    worker = NoOp(group)
    heart = Heart(outbox, worker, Stop(), threading.Event(), parent=None)
    marks.wait_for_start()
    heart.start()
    while leases := outbox.claim(group):
        marks.done(len(outbox.ack([(lease, ()) for lease in leases])))
        worker.turns += 1
    marks.end()
    heart.end("stopped")


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))
