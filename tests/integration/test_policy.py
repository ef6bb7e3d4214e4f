"""What has become eligible with time is dispatched by workers."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import Source
from tests.patient import only
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.application import Application
    from tests.program import Program

ENLIST = "select mailvault.enlist('1 hour', 2)"
DISPATCHED = "select array_agg(email_key order by id) from mailvault.job"


def set_policy(application: Application, eligible: str | None) -> None:
    mapping = load_mapping()
    email = mapping.email.model_copy(update={"eligible": eligible})
    changed = mapping.model_copy(update={"email": email})
    Source(application.connection, changed).install(application.connection)


def test_old_mail_is_found_a_page_at_a_time(application: Application) -> None:
    for days in (100, 10, 91, 200):
        application.connection.execute(
            "insert into emails (received_at) values (now() - make_interval(days => %s))", [days]
        )
    assert application.one(ENLIST) == 0
    set_policy(application, "received_at < now() - interval '90 days'")
    assert application.one("select mailvault.enqueue(1)") == 1
    with psycopg.connect(application.dsn) as other:
        other.execute("select from mailvault.policy for update")
        assert application.one(ENLIST) == 0
    assert [application.one(ENLIST) for _ in range(3)] == [2, 1, 0]
    assert application.one(DISPATCHED) == ["1", "3", "4"]

    application.connection.execute("update emails set received_at = '2000-01-01'")
    assert application.one(ENLIST) == 0
    run = application.connection.execute
    run("update mailvault.policy set looked_at = now() - interval '1 hour'")
    assert [application.one(ENLIST) for _ in range(4)] == [2, 2, 0, 0]
    assert application.one(DISPATCHED) == ["1", "3", "4", "2"]
    application.reconcile()


def test_a_worker_moves_what_is_eligible_without_being_asked(
    application: Application, program: Program
) -> None:
    application.add_emails(3)
    text = (files("mailvault.source") / "example.toml").read_text()
    text = text.replace("[email]", '[email]\neligible = "id <> 2"', 1)
    (program.directory / "mailvault.toml").write_text(text)
    program.run("init")
    worker = program.start("work")
    try:
        wait_until(lambda: application.processed() == 2, "both are stored")
    finally:
        worker.terminate()
        worker.communicate()
    assert application.one(DISPATCHED) == ["1", "3"]


def test_mail_that_cannot_be_judged_ends_no_worker(application: Application) -> None:
    run = application.connection.execute
    run("insert into emails (subject) values ('n/a')")
    set_policy(application, "subject::int < 5")
    assert [application.one(ENLIST) for _ in range(2)] == [0, 0]
    found = only(application.connection, "changes")
    assert found.what.startswith("mail that is eligible could not be looked for")
    run("update emails set subject = '1'")
    assert application.one(ENLIST) == 1
    assert application.one(DISPATCHED) == ["1"]
