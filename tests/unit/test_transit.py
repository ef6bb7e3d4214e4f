"""A part that emails share travels once, for those that were claimed before it was read."""

from __future__ import annotations

from mailvault.models import Outcome, StoredObject
from mailvault.queue.outbox import Lease
from mailvault.source.description import SourcePart
from mailvault.worker.job import Job
from mailvault.worker.transit import Transit

BLOB = SourcePart("1", "blob", "7", 3, True, None, None, None, is_shared=True)
STORED = StoredObject("k", 3, b"digest", None, created=True)


def job(number: int, claimed_at: float, *parts: SourcePart) -> Job:
    lease = Lease(number, str(number), 1, 5, 1, "token")
    return Job(lease, list(parts) or [BLOB], claimed_at=claimed_at)


def test_the_others_have_the_outcome_of_the_first() -> None:
    transit = Transit(lambda: 10.0)
    first, second = job(1, 9), job(2, 10)
    [(number, part)] = transit.board(first)
    assert part == BLOB
    assert transit.board(second) == []
    assert (transit.jobs, len(transit)) == (2, 2)
    transit.label(number, "text/plain")
    assert list(transit.land(Outcome(number, stored=STORED))) == [first, second]
    assert second.stored[0].content_type == "text/plain"
    assert (transit.jobs, transit.bytes, len(transit)) == (0, 0, 0)
    assert transit.board(job(3, 9))


def test_who_was_claimed_later_reads_for_itself() -> None:
    transit = Transit(lambda: 10.0)
    [(first, _)] = transit.board(job(1, 9))
    [(late, _)] = transit.board(job(2, 11))
    assert transit.board(job(3, 10)) == []
    assert [done.lease.job_id for done in transit.land(Outcome(late, stored=STORED))] == [2]
    assert [done.lease.job_id for done in transit.land(Outcome(first, stored=STORED))] == [1, 3]
    [(first, _)] = transit.board(job(4, 9))
    [(late, _)] = transit.board(job(5, 11))
    assert len(list(transit.land(Outcome(first, stored=STORED)))) == 1
    assert len(list(transit.land(Outcome(late, stored=STORED)))) == 1


def test_bytes_in_memory_are_counted_until_a_job_is_done() -> None:
    transit = Transit()
    large = job(1, 0, BLOB._replace(is_shared=False), BLOB._replace(part_key="8", is_shared=False))
    (one, _), (other, _) = transit.board(large)
    assert transit.bytes == 6
    assert transit.admits(large, 12)
    assert not transit.admits(large, 11)
    assert list(transit.land(Outcome(one, stored=STORED))) == []
    assert list(transit.land(Outcome(other, stored=STORED))) == [large]
    assert transit.admits(large, 1)
