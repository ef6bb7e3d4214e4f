"""The queue, by what its functions promise: fenced, counted, and never two at once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from mailvault.queue.failures import Failures, Which
from tests.outbox import FAULT, POLICY, STALE, enqueue_all, lose, stored, worker

if TYPE_CHECKING:
    from mailvault.db import Pool
    from mailvault.queue.outbox import Outbox
    from tests.application import Application


def make_due(application: Application) -> None:
    application.connection.execute("update mailvault.delayed set due_at = now()")


def test_many_claimers_share_the_jobs_out(application: Application, pool: Pool) -> None:
    application.add_emails(500)
    enqueue_all(application)
    workers = [worker(pool) for _ in range(8)]

    def drain(outbox: Outbox) -> list[int]:
        taken: list[int] = []
        while leases := outbox.claim(7):
            taken += [lease.job_id for lease in leases]
        return taken

    with ThreadPoolExecutor(8) as threads:
        taken = [job for jobs in threads.map(drain, workers) for job in jobs]
    assert len(taken) == 500
    assert len(set(taken)) == 500
    application.reconcile()


def test_an_ack_records_everything_at_once(application: Application, pool: Pool) -> None:
    email = application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    [lease] = outbox.claim(10)
    assert outbox.ack([(lease, [stored(lease)])]) == {lease.job_id}
    assert application.all(
        "select is_migrated, migration_attempts, migration_error, body_s3_path from emails"
    ) == [(True, 1, None, f"emails/{email}")]
    assert application.all(
        "select kind, part, key, size, etag, checksum, version_id from mailvault.objects"
    ) == [("body", str(email), f"emails/{email}", 1, "etag", "checksum-2", "version")]
    assert application.all(
        "select content_encoding, original_size, original_sha256 from mailvault.objects"
    ) == [("gzip", 7, hashlib.sha256(b"the original").hexdigest())]
    assert application.one("select state from mailvault.progress") == "finished"
    application.reconcile()


def test_an_ack_after_the_lease_was_lost_writes_nothing(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    slow, quick = worker(pool), worker(pool)
    [late] = slow.claim(1)
    lose(application, slow)
    assert quick.reap(STALE) == 1
    [lease] = quick.claim(1)
    assert lease.job_id == late.job_id
    assert lease.token != late.token

    assert slow.ack([(late, [stored(late)])]) == set()
    assert slow.nack([(late, FAULT)]) == set()
    assert slow.release([late]) == set()

    assert application.one("select count(*) from mailvault.object") == 0
    assert application.one("select token::text from mailvault.lease") == lease.token
    assert application.one("select is_migrated from emails") is False
    assert quick.ack([(lease, [stored(lease)])]) == {lease.job_id}
    application.reconcile()


def test_a_guessed_token_opens_nothing(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    assert outbox.ack([(lease._replace(token=str(uuid4())), [stored(lease)])]) == set()
    application.reconcile()


def test_a_failed_attempt_is_tried_again_until_there_are_no_more(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    for attempt in (1, 2, 3):
        make_due(application)
        [lease] = outbox.claim(1)
        assert lease.attempt == attempt
        assert outbox.nack([(lease, FAULT)]) == {lease.job_id}
        assert outbox.is_final(lease, FAULT) == (attempt == 3)
        application.reconcile()
    make_due(application)
    assert outbox.claim(1) == []
    assert application.all("select reason, attempts from mailvault.failures") == [
        ("store_fault", 3)
    ]
    assert application.one("select count(*) from mailvault.failure") == 3
    assert application.all("select migration_attempts, migration_error from emails") == [
        (3, FAULT.message)
    ]


def test_a_failure_waits_for_its_delay(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool, replace(POLICY, delay=timedelta(days=1)))
    [lease] = outbox.claim(1)
    outbox.nack([(lease, FAULT)])
    wait = application.one("select due_at - now() from mailvault.delayed")
    assert timedelta(0) < wait <= timedelta(days=1)
    assert outbox.claim(1) == []
    assert not outbox.is_drained()
    make_due(application)
    assert len(outbox.claim(1)) == 1


def test_only_what_is_due_comes_back(application: Application, pool: Pool) -> None:
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool, replace(POLICY, delay=timedelta(days=1)))
    due, late = outbox.claim(2)
    outbox.nack([(due, FAULT), (late, FAULT)])
    application.connection.execute(
        "update mailvault.delayed set due_at = now() where job_id = %s", [due.job_id]
    )
    assert [lease.job_id for lease in outbox.claim(2)] == [due.job_id]


def test_what_cannot_succeed_is_dead_at_once(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    outbox.nack([(lease, replace(FAULT, reason="file_missing", retryable=False))])
    assert application.one("select attempts from mailvault.dead_letter") == 1
    assert outbox.is_drained()
    application.reconcile()


def test_giving_back_counts_no_attempt(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    for _ in range(5):
        leases = outbox.claim(1)
        assert [lease.attempt for lease in leases] == [1]
        assert outbox.release(leases) == {leases[0].job_id}
        application.reconcile()


def test_a_crash_counts_as_an_attempt(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    reaper = worker(pool)
    for attempt in (1, 2, 3):
        victim = worker(pool)
        assert [lease.attempt for lease in victim.claim(1)] == [attempt]
        assert reaper.reap(STALE) == 0
        lose(application, victim)
        assert reaper.reap(STALE) == 1
        application.reconcile()
    assert application.one("select reason from mailvault.failures") == "worker_lost"
    assert application.one("select migration_attempts from emails") == 3


def test_a_lease_past_its_deadline_is_taken_back(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    assert outbox.reap(STALE) == 0
    application.connection.execute(
        "update mailvault.lease set leased_at = leased_at - interval '1 hour', "
        "deadline_at = deadline_at - interval '1 hour'"
    )
    assert outbox.reap(STALE) == 1
    assert outbox.ack([(lease, [stored(lease)])]) == set()
    assert application.one("select reason from mailvault.failure") == "timeout"
    application.reconcile()


@pytest.mark.parametrize("renew", [True, False])
def test_a_heartbeat_renews_the_leases_of_a_worker_that_gets_on(
    application: Application, pool: Pool, *, renew: bool
) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    outbox.claim(1)
    application.connection.execute(
        "update mailvault.lease set leased_at = leased_at - interval '1 hour', "
        "deadline_at = deadline_at - interval '1 hour'"
    )
    outbox.heartbeat("running", 1, None, renew=renew)
    assert outbox.reap(STALE) == (0 if renew else 1)


@pytest.mark.parametrize(("reset", "attempt"), [(True, 1), (False, 4)])
def test_retry_sends_dead_letters_back(
    application: Application, pool: Pool, attempt: int, *, reset: bool
) -> None:
    application.add_emails(3)
    enqueue_all(application)
    outbox = worker(pool)
    for _ in range(3):
        make_due(application)
        outbox.nack([(lease, FAULT) for lease in outbox.claim(3)])
    failures = Failures(application.connection)
    letters = list(failures.each())
    assert [letter.attempts for letter in letters] == [3, 3, 3]
    assert failures.retry(Which([letters[1].job]), reset=reset) == 1
    assert [lease.attempt for lease in outbox.claim(3)] == [attempt]
    assert failures.retry(reset=reset, limit=1) == 1
    assert failures.count()[:2] == (1, 0)
    application.reconcile()


def test_an_ack_that_the_application_refuses_leaves_nothing_behind(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    application.connection.execute("alter table emails add check (body_s3_path is null)")
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    with pytest.raises(Exception, match="violates check constraint"):
        outbox.ack([(lease, [stored(lease)])])
    assert application.one("select count(*) from mailvault.object") == 0
    assert outbox.nack([(lease, FAULT)]) == {lease.job_id}
    application.reconcile()


def test_a_failure_is_recorded_even_where_the_application_refuses_to_note_it(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    application.connection.execute("alter table emails add check (migration_error is null)")
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    assert outbox.nack([(lease, FAULT)]) == {lease.job_id}
    assert application.one("select count(*) from mailvault.failure") == 1
    application.reconcile()


def test_an_object_is_not_recorded_with_two_digests(application: Application, pool: Pool) -> None:
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool)
    first, second = outbox.claim(2)
    outbox.ack([(first, [stored(first)])])
    other = stored(second, b"y").stored._replace(key=f"emails/{first.email_key}")
    with pytest.raises(Exception, match="in the ledger with another digest"):
        outbox.ack([(second, [stored(second)._replace(stored=other)])])
    application.reconcile()
