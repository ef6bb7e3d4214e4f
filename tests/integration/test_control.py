"""Pause and cancel: what they stop, and what they leave as it is."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from mailvault.queue.batches import Batches, Selection
from mailvault.queue.control import Control
from tests.outbox import FAULT, STALE, enqueue_all, lose, stored, worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application
    from tests.program import Program

FINAL = replace(FAULT, retryable=False)


def cancel(application: Application, batch: int = 1) -> int:
    batches = Batches(application.connection)
    return sum(batches.cancel(batches.find(batch), 10))


def state(application: Application) -> tuple[object, ...]:
    [row] = application.all(
        "select state, total, processed, failed, delayed, leased, ready, cancelled "
        "from mailvault.progress"
    )
    return row


def test_nothing_is_claimed_while_paused(application: Application, pool: Pool) -> None:
    application.add_emails(3)
    enqueue_all(application)
    control = Control(application.connection)
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    control.pause()
    assert outbox.claim(1) == []
    assert outbox.orders().paused
    assert outbox.ack([(lease, [stored(lease)])]) == {lease.job_id}
    control.resume()
    assert not outbox.orders().paused
    assert len(outbox.claim(5)) == 2
    application.reconcile()


def test_a_second_pause_keeps_the_first_one_s_time(application: Application) -> None:
    control = Control(application.connection)
    control.pause()
    first = control.paused()
    control.pause()
    assert first is not None
    assert control.paused() == first


def test_cancelled_jobs_are_forgotten_wherever_they_are(
    application: Application, pool: Pool
) -> None:
    application.add_emails(40)
    enqueue_all(application)
    outbox = worker(pool)
    done, failed, postponed, released, reaped, again = outbox.claim(6)
    outbox.ack([(done, [stored(done)])])
    outbox.nack([(failed, FINAL)])
    outbox.nack([(postponed, FAULT)])
    assert cancel(application) == 40 - 2 - 3
    assert state(application) == ("cancelled", 5, 1, 1, 0, 3, 0, 35)
    assert outbox.orders().cancelled == {lease.job_id for lease in (released, reaped, again)}

    outbox.release([released])
    outbox.nack([(again, FAULT)])
    lose(application, outbox)
    assert worker(pool).reap(STALE) == 1
    assert state(application) == ("cancelled", 2, 1, 1, 0, 0, 0, 38)
    application.reconcile()
    assert worker(pool).claim(10) == []

    second = Batches(application.connection).open(Selection())
    assert second is not None
    assert second.total == 38


def test_what_was_stored_meanwhile_counts(application: Application, pool: Pool) -> None:
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool)
    [lease] = outbox.claim(1)
    assert cancel(application) == 1
    assert outbox.ack([(lease, [stored(lease)])]) == {lease.job_id}
    assert state(application) == ("cancelled", 1, 1, 0, 0, 0, 0, 1)
    application.reconcile()


def test_a_dead_letter_of_a_cancelled_batch_can_be_retried(
    application: Application, pool: Pool
) -> None:
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool)
    outbox.nack([(outbox.claim(1)[0], FINAL)])
    cancel(application)
    assert application.one("select mailvault.retry()") == 1
    [lease] = outbox.claim(5)
    outbox.ack([(lease, [stored(lease)])])
    application.reconcile()


def test_a_batch_is_cancelled_while_it_is_dispatched(application: Application) -> None:
    application.add_emails(30)
    batches = Batches(application.connection)
    batch = batches.open(Selection())
    assert batch is not None
    chunks = batches.dispatch(batch, 10)
    next(chunks)
    assert cancel(application) == 10
    assert list(chunks) == [10]
    assert state(application) == ("cancelled", 0, 0, 0, 0, 0, 0, 10)
    application.reconcile()


def test_a_job_on_its_way_into_a_lease_is_not_missed(application: Application, pool: Pool) -> None:
    application.add_emails(3)
    enqueue_all(application)
    outbox = worker(pool)
    outbox.claim(1)  # the first claim of a batch also writes to the batch, and cancel waits there
    with psycopg.connect(application.dsn) as claimer:
        claimer.execute(
            "select * from mailvault.claim(%s, 1, '1 minute')", [outbox.worker_id]
        ).fetchall()
        canceller = threading.Thread(target=cancel, args=[application])
        canceller.start()
        with psycopg.connect(application.dsn, autocommit=True) as watcher:
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            wait_until(
                lambda: watcher.execute(waiting).fetchone() != (0,), "cancel to meet the claim"
            )
        claimer.commit()
        canceller.join()
    assert len(outbox.orders().cancelled) == 2
    assert state(application) == ("cancelled", 2, 0, 0, 0, 2, 0, 1)
    application.reconcile()


def test_who_drains_ends_though_it_is_paused(application: Application, program: Program) -> None:
    """Others may have done what was left, and nobody else is to wait for the end of the pause."""
    application.add_emails(1)
    program.run("enqueue", "--all")
    program.run("work", "--drain")
    program.run("pause")
    program.run("work", "--drain")


def test_workers_obey_a_pause_and_a_cancel(application: Application, program: Program) -> None:
    application.add_emails(3000)
    program.run("enqueue", "--all")
    running = program.start("work", "-j", "4")
    stored = "select coalesce(sum(processed), 0) from mailvault.tally"
    wait_until(lambda: application.one(stored) > 0, "the first email")
    assert "by " in program.run("pause").stdout
    at_rest = "select count(*) from mailvault.lease"
    wait_until(lambda: application.one(at_rest) == 0, "the workers to let go")
    told = "select count(*) from mailvault.worker where state = 'paused'"
    wait_until(lambda: application.one(told) == 1, "the worker to say so")
    shown = json.loads(program.run("status", "--json").stdout)
    assert shown["hold"]["kind"] == "paused"
    assert shown["eta"]["state"] == "held"
    before = application.one(stored)
    assert "going on" in program.run("resume").stdout
    wait_until(lambda: application.one(stored) > before, "the worker to go on")
    program.run("cancel", "--batch", "1")
    wait_until(lambda: application.one(at_rest) == 0, "the workers to let go")
    assert application.one("select state from mailvault.progress") == "cancelled"
    running.terminate()
    running.communicate(timeout=30)
    assert running.returncode == 0
    assert application.one("select count(*) from mailvault.failure") == 0
    assert program.run("enqueue", "--resume", "1", code=2).stderr.startswith("mailvault: batch 1")
    assert "no end" in program.run("cancel", "--batch", "0", code=2).stderr
    application.reconcile()
