"""What holds workers down, and what an operator sees of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mailvault.queue.outbox import Hold
from tests.outbox import enqueue_all, worker

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application
    from tests.program import Program

SLOWED = Hold("store_busy", "4 of 16 requests at once: the store asks to slow down")


def test_a_worker_that_is_slowed_is_shown_and_works_all_the_same(
    application: Application, pool: Pool, program: Program
) -> None:
    application.add_emails(3)
    enqueue_all(application)
    outbox = worker(pool)
    outbox.heartbeat("running", 2, SLOWED, renew=False)
    shown = json.loads(program.run("status", "--json").stdout)
    [reason] = shown["hold"]["reasons"]
    assert (shown["hold"]["kind"], reason["signal"]) == ("throttled", "store_busy")
    assert reason["observed"] == SLOWED.message
    since = reason["since"]
    outbox.heartbeat("running", 2, SLOWED, renew=False)
    [reason] = json.loads(program.run("status", "--json").stdout)["hold"]["reasons"]
    assert reason["since"] == since
    assert shown["workers"][0]["state"] == "running"
    assert shown["workers"][0]["held_message"] == SLOWED.message
    assert shown["eta"]["state"] != "held"
    assert f"slowed: {SLOWED.message}" in program.run("status").stdout
    outbox.heartbeat("held", 0, Hold("store_denied", "no"), renew=False)
    hold = json.loads(program.run("status", "--json").stdout)["hold"]
    assert hold["kind"] == "breaker"
    assert hold["reasons"][0]["since"] > since
    outbox.heartbeat("running", 0, None, renew=False)
    assert json.loads(program.run("status", "--json").stdout)["hold"] is None


def test_processes_share_the_bandwidth(application: Application, program: Program) -> None:
    application.add_emails(2)
    enqueue_all(application)
    drained = program.run("work", "--drain", "--processes", "2", "--bwlimit", "64K")
    assert drained.stderr.count("bandwidth: 32,768 bytes/s") == 2
    application.add_emails(1)
    enqueue_all(application)
    assert (
        "bandwidth: 10,485,760 bytes/s"
        in program.run("work", "--drain", MIGRATION_BWLIMIT="00:00,10M").stderr
    )
