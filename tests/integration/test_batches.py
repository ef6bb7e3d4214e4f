"""All batches at a look: how far each is, what was asked for, and how to go on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailvault.queue.batches import Batches, Selection
from tests.outbox import enqueue_all, stored, worker
from tests.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from mailvault.db import Pool
    from tests.application import Application


def test_every_batch_is_listed(application: Application, pool: Pool, tmp_path: Path) -> None:
    program = Program(tmp_path, application.environment())
    assert "nothing was enqueued yet" in program.run("batches").stdout
    assert program.run("batches", "--json").stdout == ""

    batches = Batches(application.connection)
    application.add_emails(3)
    enqueue_all(application)
    outbox = worker(pool)
    outbox.ack([(lease, [stored(lease)]) for lease in outbox.claim(3)])
    application.add_emails(4)
    since = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)
    batches.open(Selection(email_keys=["4"], priority=2))
    batches.open(Selection(since=since, until=datetime(2100, 1, 1, tzinfo=UTC), max_emails=9))
    application.add_email()
    application.connection.execute("select mailvault.enqueue(8)")

    shown = [json.loads(line) for line in program.run("batches", "--json").stdout.splitlines()]
    assert [(one["id"], one["state"], one["total"], one["processed"]) for one in shown] == [
        (3, "enqueuing", 4, 0), (2, "enqueuing", 1, 0), (1, "finished", 3, 3),
        (0, "waiting", 1, 0),
    ]  # fmt: skip
    assert [one["selection"] for one in shown] == [
        "at most 9 emails received since 2024-01-02 03:04 UTC before 2100-01-01",
        "1 email by its id",
        "all emails",
        "what the application dispatches itself",
    ]
    assert shown[2]["started_at"] is not None

    lines = program.run("batches").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines[3:7]]
    assert [row[0] for row in rows] == ["3", "2", "1", "0"]
    assert rows[2][1:5] == ["3", "3", "0", "0"]
    assert lines[-2:] == [
        "batch 3 is enqueuing; if nobody is at it: mailvault enqueue --resume 3",
        "batch 2 is enqueuing; if nobody is at it: mailvault enqueue --resume 2",
    ]
    program.run("enqueue", "--resume", "2")
    assert batches.find(2).state == "enqueued"
