"""What happens when several are at it, or come back, at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.errors import FileRefusedError
from mailvault.queue.batches import Batches, Selection
from mailvault.queue.failures import Failures
from mailvault.worker.job import Job
from mailvault.worker.patience import Patience
from mailvault.worker.settle import Settler
from tests.outbox import FAULT, POLICY, STALE, enqueue_all, lose, stored, worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application


def test_those_that_failed_together_do_not_return_together(
    application: Application, pool: Pool
) -> None:
    application.add_emails(20)
    enqueue_all(application)
    outbox = worker(pool, replace(POLICY, delay=timedelta(hours=1)))
    outbox.nack([(lease, FAULT) for lease in outbox.claim(20)])
    waits = [wait for (wait,) in application.all("select due_at - now() from mailvault.delayed")]
    assert len(waits) == 20
    assert len(set(waits)) > 1
    assert max(waits) <= timedelta(hours=1)
    assert max(waits) - min(waits) > timedelta(minutes=10)


def test_two_batches_dispatch_an_email_once(application: Application) -> None:
    application.add_emails(10)
    batches = Batches(application.connection)
    early, late = batches.open(Selection()), batches.open(Selection(max_emails=100))
    assert early is not None
    assert late is not None
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    with (
        psycopg.connect(application.dsn, autocommit=True) as other,
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(application.dsn) as first,
    ):
        first.execute("select * from mailvault.enqueue_chunk(%s, 100)", [early.id])
        second = thread.submit(lambda: list(Batches(other).dispatch(late, 100)))
        wait_until(lambda: application.one(waiting) == 1, "the second batch to meet the first")
        first.commit()
        assert second.result() == [0]
    assert application.one("select count(*) from mailvault.job") == 10
    application.reconcile()


def test_a_batch_is_started_by_the_first_of_two_claims(
    application: Application, pool: Pool
) -> None:
    application.add_emails(2)
    enqueue_all(application)
    claim = "select now() from mailvault.claim(%s, 1, interval '1 hour')"
    outbox = worker(pool)
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    with psycopg.connect(application.dsn) as first, ThreadPoolExecutor(1) as thread:
        row = first.execute(claim, [outbox.worker_id]).fetchone()
        second = thread.submit(outbox.claim, 1)
        wait_until(lambda: application.one(waiting) == 1, "the second claim to meet the first")
        first.commit()
        assert len(second.result()) == 1
    assert row == (application.one("select started_at from mailvault.batch where id > 0"),)


@pytest.mark.direct
def test_a_retry_tells_idle_workers(application: Application, pool: Pool) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    outbox.nack([(outbox.claim(1)[0], replace(FAULT, retryable=False))])
    outbox.heartbeat("idle", 0, None, renew=False)
    with psycopg.connect(application.dsn, autocommit=True) as listener:
        listener.execute("listen mailvault")
        assert Failures(application.connection).retry(reset=True) == 1
        notes = list(listener.notifies(timeout=5, stop_after=1))
    assert [note.payload for note in notes] == [""]


@pytest.mark.parametrize("done", [True, False])
def test_a_job_that_was_lost_and_claimed_again_may_end_twice_at_once(
    application: Application, pool: Pool, *, done: bool
) -> None:
    """As after a pause of the whole process: both uploads come to their end together."""
    email = application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    [late] = outbox.claim(1)
    lose(application, outbox)
    assert worker(pool).reap(STALE) == 1
    [lease] = outbox.claim(1)
    settler = Settler(outbox, Patience(threading.Event()))
    for each in (late, lease):
        if done:
            settler.add(Job(each, [], stored=[stored(each)]))
        else:
            settler.add(Job(each, [], errors=[FileRefusedError("a/../b")], messages=["a/../b"]))
    settler.settle()
    assert not settler.leases
    assert application.all("select id, is_migrated from emails") == [(email, done)]
    assert application.one("select count(*) from mailvault.dead_letter") == (not done)
    assert application.one("select count(*) from mailvault.lease") == 0
    application.reconcile()


def test_a_late_release_does_not_give_back_what_was_claimed_again(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    [late] = outbox.claim(1)
    lose(application, outbox)
    assert worker(pool).reap(STALE) == 1
    [lease] = outbox.claim(1)
    assert outbox.release([late]) == set()
    assert application.one("select token::text from mailvault.lease") == lease.token
    assert outbox.release([lease]) == {lease.job_id}
    application.reconcile()


def test_the_reaper_passes_by_what_is_being_settled(application: Application, pool: Pool) -> None:
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool)
    first, second = outbox.claim(2)
    lose(application, outbox)
    with psycopg.connect(application.dsn) as settling:
        settling.execute(
            "select from mailvault.lease where job_id = %s for update", [first.job_id]
        )
        assert worker(pool).reap(STALE) == 1
        assert outbox.release([second]) == set()
    assert outbox.release([first]) == {first.job_id}
    application.reconcile()
