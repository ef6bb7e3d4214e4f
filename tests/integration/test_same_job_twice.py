"""A worker that lost a lease and got the same job again, before its first upload ended."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from mailvault.worker.job import Job
from mailvault.worker.patience import Patience
from mailvault.worker.settle import Settler
from tests.outbox import enqueue_all, lose, stored, worker

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application


def test_both_outcomes_are_settled_and_one_counts(application: Application, pool: Pool) -> None:
    application.add_emails(3)
    enqueue_all(application)
    outbox = worker(pool)
    first = outbox.claim(3)
    lose(application, outbox)
    assert outbox.reap(timedelta(seconds=20)) == 3
    outbox.heartbeat("running", 3, None, renew=False)
    again = outbox.claim(3)
    assert {lease.job_id for lease in first} == {lease.job_id for lease in again}
    settler = Settler(outbox, Patience(threading.Event()))
    for lease in [*first, *again]:
        settler.add(Job(lease, [], stored=[stored(lease)]))
    settler.settle()
    assert (settler.processed, settler.lost) == (3, 3)
    assert application.one("select count(*) from mailvault.part") == 3
    application.reconcile()
