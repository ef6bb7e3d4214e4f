"""What goes first: priorities, the application's own transactions, and what came late."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.queue.batches import Batches, Selection
from mailvault.queue.outbox import Outbox
from mailvault.queue.position import SWEEP_EVERY
from tests.outbox import FAULT, POLICY, enqueue_all, stored, worker

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application


def dispatch(application: Application, selection: Selection) -> None:
    batches = Batches(application.connection)
    batch = batches.open(selection)
    assert batch is not None
    list(batches.dispatch(batch, 100))


def keys(outbox: Outbox, limit: int) -> list[str]:
    return [lease.email_key for lease in outbox.claim(limit)]


def test_new_mail_goes_before_old(application: Application, pool: Pool) -> None:
    application.add_emails(20)
    enqueue_all(application)
    outbox = worker(pool)
    assert keys(outbox, 5) == ["1", "2", "3", "4", "5"]
    new = application.add_email()
    assert application.one("select mailvault.enqueue(%s)", new) is not None
    assert keys(outbox, 3) == [str(new), "6", "7"]
    application.reconcile()


def test_the_urgent_batch_goes_first(application: Application, pool: Pool) -> None:
    application.add_emails(6)
    dispatch(application, Selection(email_keys=["1", "2"], priority=9))
    dispatch(application, Selection(email_keys=["3", "4"]))
    dispatch(application, Selection(email_keys=["5", "6"], priority=0))
    assert keys(worker(pool), 6) == ["5", "6", "3", "4", "1", "2"]


def test_a_priority_is_kept_when_a_job_comes_back(application: Application, pool: Pool) -> None:
    application.add_emails(4)
    dispatch(application, Selection(email_keys=["1", "2"]))
    dispatch(application, Selection(email_keys=["3", "4"], priority=0))
    outbox = worker(pool)
    first, second = outbox.claim(2)
    outbox.release([first])
    outbox.nack([(second, FAULT)])
    application.connection.execute("update mailvault.delayed set due_at = now()")
    assert keys(worker(pool), 2) == ["3", "4"]


def test_an_email_is_dispatched_with_the_application_s_transaction(
    application: Application, pool: Pool
) -> None:
    outbox = worker(pool)
    with psycopg.connect(application.dsn) as other:
        other.execute("select mailvault.enqueue(id) from (values (7), (8)) as t (id)")
        assert outbox.claim(10) == []
        other.rollback()
        other.execute("select mailvault.enqueue(7)")
        other.commit()
    assert keys(outbox, 10) == ["7"]
    application.reconcile()


def test_it_is_dispatched_once(application: Application, pool: Pool) -> None:
    email = application.add_email()
    first = application.one("select mailvault.enqueue(%s)", email)
    assert application.one("select mailvault.enqueue(%s)", email) == first
    assert application.one("select mailvault.enqueue(%s)", str(email)) == first
    assert Batches(application.connection).open(Selection()) is None
    outbox = worker(pool)
    [lease] = outbox.claim(10)
    outbox.ack([(lease, [stored(lease)])])
    assert application.one("select mailvault.enqueue(%s)", email) == first
    assert outbox.claim(10) == []
    assert application.all("select batch, total, processed, state from mailvault.progress") == [
        (0, 1, 1, "finished")
    ]
    application.reconcile()


@pytest.mark.parametrize("key", ["no number", uuid.uuid4()])
def test_a_key_of_another_type_is_refused(application: Application, key: object) -> None:
    with pytest.raises(psycopg.DataError, match="invalid input syntax for type bigint"):
        application.one("select mailvault.enqueue(%s)", key)


def test_a_priority_that_nobody_would_claim_is_refused(application: Application) -> None:
    with pytest.raises(psycopg.IntegrityError, match="job_priority_check"):
        application.one("select mailvault.enqueue(1, 10)")


def test_what_commits_late_is_found_by_a_sweep(application: Application, pool: Pool) -> None:
    now = 0.0
    outbox = Outbox(pool, POLICY, clock=lambda: now)
    outbox.register(host="here", pid=1, concurrency=4, uploader="rust", uploader_reason="test")
    for email in range(1, 4):
        application.one("select mailvault.enqueue(%s)", email)
    with psycopg.connect(application.dsn) as late:
        late.execute("select mailvault.enqueue(4)")
        for email in range(5, 20):
            application.one("select mailvault.enqueue(%s)", email)
        assert keys(outbox, 3) == ["1", "2", "3"]
        assert keys(outbox, 3) == ["5", "6", "7"]
        late.commit()
    assert keys(outbox, 3) == ["8", "9", "10"]
    now += SWEEP_EVERY
    assert keys(outbox, 3) == ["4", "11", "12"]
    application.reconcile()
