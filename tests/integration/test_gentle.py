"""Workers that give way say so."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.application import Application
    from tests.program import Program


@pytest.mark.parametrize(
    ("environment", "signal"),
    [
        ({"MIGRATION_MAX_REPLICA_LAG": "5"}, "replica_lag"),  # there is no replica
        ({"MIGRATION_WINDOW": "closed"}, "window"),
    ],
)
def test_status_names_what_a_worker_gives_way_to(
    application: Application, program: Program, environment: dict[str, str], signal: str
) -> None:
    now = datetime.now()  # noqa: DTZ005  # hours are the machine's
    closed = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"
    application.add_emails(3)
    program.run("enqueue", "--all")
    held = {name: value.replace("closed", closed) for name, value in environment.items()}
    worker = program.start("work", **held)

    try:
        wait_until(lambda: application.one("select held_reason from mailvault.worker"), "a hold")
        hold = json.loads(program.run("status", "--json").stdout)["hold"]
        assert [reason["signal"] for reason in hold["reasons"]] == [signal]
    finally:
        worker.terminate()
        worker.communicate()
    assert application.one("select count(*) from mailvault.lease") == 0


def test_the_signals_are_asked_for_with_what_a_role_may_see(
    application: Application, program: Program
) -> None:
    application.add_emails(3)
    program.run("enqueue", "--all")
    program.run(
        "work", "--drain", MIGRATION_MAX_ARCHIVE_BACKLOG="9", MIGRATION_MAX_ACTIVE_SESSIONS="99",
        MIGRATION_MAX_CLAIM_LATENCY="60", MIGRATION_WINDOW="00:00-12:00 12:00-24:00",
    )  # fmt: skip
    assert application.processed() == 3
    said = program.run("work", "--window", "noon", code=2).stderr
    assert "'noon' is not from when to when, as 22:00-06:00" in said
