"""Every statement of a worker, refused, hung, done with its answer lost, and done twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.db import query, sql_directory
from mailvault.worker.stop import Stop
from tests.fault.call_sites import IMPOSSIBLE, Runs, shorten
from tests.fault.line import Fault
from tests.fault.sql_proxy import SqlProxy
from tests.outbox import enqueue_all

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket

MIB = 1024**2

AT_START = {
    "migrate.is_initialised", "migrate.version", "migrate.has_source", "queue.register",
    "source.has_files",
}  # fmt: skip
"""Said before any work: the command may end with exit 3, and is started again."""

WHILE_STOPPING = {"queue.release"}

AT_WORK = {
    "queue.claim", "queue.ack", "queue.nack", "queue.release_strays", "queue.heartbeat",
    "queue.reap", "queue.fold", "queue.orders", "queue.is_drained", "queue.listen",
    "queue.stored", "queue.unlisten", "source.describe", "source.read", "source.read_slices",
    "queue.absorb", "queue.signals", "queue.archive_backlog",
}  # fmt: skip

AFTER_A_FAILOVER = {"register_again"}
"""Said to a database that does not know the worker; tests/integration/test_another_timeline.py."""

ELSEWHERE = {"enlist", "shared", "position", "has_replayed"}
"""Said with other mappings and settings than here: they read, or find nothing to do the second
time; tests/integration/test_policy.py, tests/fault/test_replica.py."""

OPERATORS = {
    "pause", "resume", "paused", "resolve_table", "columns", "server_encoding", "unique_keys",
    "type_name", "columns_that_matter", "search_path", "is_live", "lock_briefly", "sample_emails",
    "sample_parts",
}  # fmt: skip
"""Said by commands, not by a worker."""

LOOKED_AT = {"MIGRATION_MAX_ACTIVE_SESSIONS": "999", "MIGRATION_MAX_ARCHIVE_BACKLOG": "999"}
"""Limits that nothing comes near to."""

SITES = sorted(AT_START | WHILE_STOPPING | AT_WORK)

QUICK = {("queue.claim", Fault.TWICE), ("queue.claim", Fault.LOST), ("queue.ack", Fault.LOST)}
"""Run with every change; the others are slow tests."""

CASES = [
    pytest.param(site, fault, marks=[] if (site, fault) in QUICK else [pytest.mark.slow])
    for site in SITES
    for fault in Fault
]


def beginning(site: str) -> str:
    """How a query starts, up to its first parameter."""
    return query(*site.split(".")).partition("%(")[0].replace("%%", "%")


class Script:
    """Does one fault to one statement, once, and sets up what leads to that statement."""

    def __init__(self, application: Application, site: str, fault: Fault, stop: Stop) -> None:
        self._application = application
        self._site = site
        self._fault = fault
        self._stop = stop
        self._strayed = False
        self.fired = False

    def __call__(self, statement: str) -> Fault | None:
        if self._site == "queue.release" and statement.startswith(beginning("source.read")):
            self._stop.request()  # with jobs in hand that are still to be read
        if self._site == "queue.release_strays" and not self._strayed:
            self._strayed = statement.startswith(beginning("queue.claim"))
            return Fault.LOST if self._strayed else None
        if self.fired and self._site == "queue.listen":
            with psycopg.connect(self._application.dsn, autocommit=True) as other:
                other.execute("update mailvault.delayed set due_at = now()")
        if self.fired or not statement.startswith(beginning(self._site)):
            return None
        self.fired = True
        return self._fault


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def write_mail(application: Application, site: str) -> None:
    for number in range(6):
        application.add_email(f"<p>{number} {'x' * 40_000}</p>")
    if site == "source.read_slices":
        application.add_email("<p>" + "large" * (9 * MIB // 5))
    if site != "source.has_files":
        application.add_file(1, b"bytes", "a.bin")
        application.add_file(2, None, IMPOSSIBLE)
    else:
        (application.files_root / "of-another.txt").unlink()
    enqueue_all(application)


@pytest.mark.parametrize(("site", "fault"), CASES)
def test_a_statement_fails_once(
    application: Application, bucket: Bucket, site: str, fault: Fault
) -> None:
    write_mail(application, site)
    if site == "queue.stored":
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key="of another")
    stop = Stop()
    script = Script(application, site, fault, stop)
    with SqlProxy(application.dsn, script) as line:
        # So little memory that one body is read at a time, and the others wait their turn.
        runs = Runs(
            application, bucket, DATABASE_URL=line.dsn(),
            MIGRATION_MEMORY_LIMIT=str(16 * 50_000), **LOOKED_AT,
        )  # fmt: skip
        result = runs.drain("rust", stop)
        assert line.done[fault] >= 1
        assert script.fired, "the statement was never said"
        if site in AT_WORK:
            assert result is not None, "it did not go on by itself"
        else:
            runs.drain_at_last("rust")
    runs.check()


def test_every_statement_of_a_worker_is_in_the_table() -> None:
    known = {site.split(".")[1] for site in SITES} | OPERATORS | AFTER_A_FAILOVER | ELSEWHERE
    for topic in ("queue", "source"):
        text = (sql_directory() / "queries" / f"{topic}.sql").read_text()
        assert set(re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)) <= known
