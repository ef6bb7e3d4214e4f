"""A job is finished when the last of its parts has its outcome, and not before."""

from __future__ import annotations

from mailvault.errors import FileMissingError
from mailvault.models import Outcome, StoredObject
from mailvault.queue.outbox import Lease
from mailvault.source.description import SourcePart
from mailvault.worker.job import Job

LEASE = Lease(1, "7", 1, 5, 1, "token")
STORED = StoredObject("key", 1, b"7" * 32, "etag", created=True)


def part(number: int) -> SourcePart:
    return SourcePart("7", "attachment", str(number), 1, False, "a", "a", None)


def test_a_job_waits_for_its_last_part() -> None:
    parts = [part(1), part(2), part(3)]
    job = Job(LEASE, parts)
    outcomes = [
        Outcome(1, stored=STORED),
        Outcome(2, error=FileMissingError("gone")),
        Outcome(3, stored=STORED),
    ]
    finished = []
    for each, outcome in zip(parts, outcomes, strict=True):
        job.note(each, "text/plain", outcome)
        finished.append(job.finished)
    assert finished == [False, False, True]
    assert job.failure().reason == "file_missing"


def test_an_email_without_parts_is_finished() -> None:
    assert Job(LEASE, []).finished
