"""PostgreSQL refuses, for a while or one email: time limits, rights, isolation, read-only."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from mailvault.db import Pool
from mailvault.worker.claim import Claimer
from mailvault.worker.patience import Patience
from tests.outbox import enqueue_all, worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application
    from tests.program import Program

EMAILS = 60
HELD = "select held_reason from mailvault.worker where state = 'held'"


class Role:
    """A role of this test's own, without any right that it is not given, and its database."""

    def __init__(self, direct: str, name: str) -> None:
        self.dsn = psycopg.conninfo.make_conninfo(direct, user=name)
        self.admin = psycopg.connect(direct, autocommit=True)
        self._name = name

    def run(self, statement: str) -> None:
        """Run as superuser; `{role}` stands for the name, `{name}` for it as a text."""
        filled = sql.SQL(statement).format(role=sql.Identifier(self._name), name=self._name)
        self.admin.execute(filled)

    def disconnect(self) -> None:
        """End the role's sessions: new ones get new settings."""
        self.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = {name}")


@pytest.fixture
def role(application: Application, direct: str) -> Iterator[Role]:
    """A role that may do what a worker does."""
    name = application.connection.info.dbname
    role = Role(direct, name)
    role.run("create role {role} login")
    role.run("grant usage on schema mailvault, public to {role}")
    role.run("grant all on all tables in schema mailvault, public to {role}")
    role.run("grant all on all sequences in schema mailvault, public to {role}")
    yield role
    role.run("drop owned by {role}")
    role.disconnect()
    role.run("drop role {role}")
    role.admin.close()


def slow_rows(application: Application, seconds: str) -> None:
    """Make each update of an email take its time, as a heavy trigger does."""
    application.connection.execute(
        f"""
        create function slow() returns trigger language plpgsql as
        $$ begin perform pg_sleep({seconds}); return new; end $$;
        create trigger slow before update on emails for each row execute function slow();
        """
    )


def test_a_group_that_takes_too_long_is_divided(
    application: Application, program: Program, role: Role
) -> None:
    """Until one is left that takes too long by itself: its attempt failed."""
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    slow_rows(application, "case when new.id = 7 then 60 else 0.1 end")
    role.run("alter role {role} set statement_timeout = '2s'")
    done = program.run(
        "work", "--drain", "-j", "8", code=1, DATABASE_URL=role.dsn,
        MIGRATION_MAX_ATTEMPTS="2", MIGRATION_RETRY_DELAY="0",
    )  # fmt: skip
    assert "at once: canceling statement due to statement timeout" in done.stderr
    assert application.all("select email, reason, attempts from mailvault.failures") == [
        ("7", "postgres_cancelled", 2)
    ]
    assert application.processed() == EMAILS - 1
    application.reconcile()


def test_where_nothing_is_done_in_time_no_email_is_to_blame(
    application: Application, program: Program, role: Role
) -> None:
    application.add_emails(4)
    program.run("enqueue", "--all")
    slow_rows(application, "60")
    role.run("alter role {role} set statement_timeout = '1s'")
    worker = program.start("work", "--drain", "-j", "8", DATABASE_URL=role.dsn)
    wait_until(lambda: application.one(HELD), "the worker to be held")
    assert application.one(HELD) == "postgres_cancelled"
    application.connection.execute("alter table emails disable trigger slow")
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    assert application.processed() == 4
    assert application.one("select count(*) from mailvault.failure") == 0


def test_claims_that_take_too_long_shrink(application: Application, role: Role) -> None:
    application.add_emails(EMAILS)
    enqueue_all(application)
    application.connection.execute(
        """
        create function slow() returns trigger language plpgsql as
        $$ begin perform pg_sleep(0.1); return new; end $$;
        create trigger slow before insert on mailvault.lease
        for each row execute function slow();
        """
    )
    role.run("alter role {role} set statement_timeout = '3s'")
    with Pool(role.dsn) as pool:
        claimer = Claimer(worker(pool), Patience(threading.Event()))
        leases = claimer.claim(EMAILS, list)
        assert 1 <= len(leases) <= 30
        again = claimer.claim(EMAILS, lambda: leases)
        assert 1 <= len(again) <= 31
    assert application.one("select count(*) from mailvault.lease") == len(leases) + len(again)


@pytest.mark.parametrize("right", ["update", "select"])
def test_a_right_that_is_missing_holds_the_worker(
    application: Application, program: Program, role: Role, right: str
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    role.run(f"revoke {right} on emails from {{role}}")
    worker = program.start("work", "--drain", "-j", "8", DATABASE_URL=role.dsn)
    wait_until(lambda: application.one(HELD), "the worker to be held")
    hold = json.loads(program.run("status", "--json").stdout)["hold"]
    assert hold["kind"] == "breaker"
    assert hold["reasons"][0]["signal"] == "postgres_denied"
    assert "permission denied for table emails" in program.run("status").stdout
    role.run(f"grant {right} on emails to {{role}}")
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    assert application.processed() == EMAILS
    assert application.one("select count(*) from mailvault.failure") == 0
    assert application.all("select distinct migration_attempts from emails") == [(1,)]
    application.reconcile()


def test_a_policy_that_refuses_one_row_fails_one_email(
    application: Application, program: Program, role: Role
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    role.run("alter table emails enable row level security")
    role.run("create policy few on emails to {role} using (true) with check (id <> 7)")
    program.run(
        "work", "--drain", "-j", "8", code=1, DATABASE_URL=role.dsn,
        MIGRATION_MAX_ATTEMPTS="2", MIGRATION_RETRY_DELAY="0",
    )  # fmt: skip
    assert application.all("select email, reason, attempts from mailvault.failures") == [
        ("7", "postgres_denied", 2)
    ]
    assert application.processed() == EMAILS - 1
    application.reconcile()


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = 'serializable'",
        "default_transaction_isolation = 'repeatable read'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '300ms'",
    ],
)
def test_the_roles_settings_change_nothing(
    application: Application, program: Program, role: Role, setting: str
) -> None:
    """Two workers at a time, and one body that is read in several statements."""
    application.add_emails(4 * EMAILS)
    application.add_email("<p>" + "x" * 20_000_000)
    role.run(f"alter role {{role}} set {setting}")
    program.environment["DATABASE_URL"] = role.dsn
    program.run("enqueue", "--all", "--batch-size", "50")
    workers = [program.start("work", "--drain", "-j", "4") for _ in range(2)]
    for each in workers:
        said, _ = each.communicate(timeout=120)
        assert each.returncode == 0, said
    assert application.processed() == 4 * EMAILS + 1
    assert application.one("select count(*) from mailvault.failure") == 0
    assert application.all("select distinct migration_attempts from emails") == [(1,)]
    application.reconcile()


@pytest.mark.parametrize(
    ("word", "which"), [("insert", "true"), ("update", "new.state = 'stopped'")]
)
def test_a_worker_insists_on_its_first_word_and_its_last(
    application: Application, program: Program, word: str, which: str
) -> None:
    """As on an isolation at which anything may fail since somebody else did something, too."""
    application.add_emails(1)
    program.run("enqueue", "--all")
    application.connection.execute(
        f"""
        create sequence conflicts;
        create function conflict() returns trigger language plpgsql as $$ begin
            if nextval('conflicts') <= 3 then
                raise serialization_failure;
            end if;
            return new;
        end $$;
        create trigger conflict before {word} on mailvault.worker
        for each row when ({which}) execute function conflict();
        """
    )
    program.run("work", "--drain")
    assert application.one("select last_value from conflicts") >= 4
    assert application.one("select state from mailvault.worker") == "stopped"


@pytest.mark.parametrize(
    ("refuse", "allow", "words"),
    [
        (
            "alter role {role} set default_transaction_read_only = on",
            "alter role {role} reset default_transaction_read_only",
            "in a read-only transaction",  # as on a standby
        ),
        (
            "alter role {role} connection limit 0",
            "alter role {role} connection limit -1",
            "too many connections",
        ),
    ],
)
def test_a_server_that_takes_no_work_is_waited_for(
    application: Application, program: Program, role: Role, refuse: str, allow: str, words: str
) -> None:
    application.add_emails(1000)
    program.run("enqueue", "--all")
    worker = program.start("work", "--drain", "-j", "4", DATABASE_URL=role.dsn)
    wait_until(lambda: application.processed() > 0, "the first email")
    role.run(refuse)
    role.disconnect()
    assert worker.stdout
    for line in worker.stdout:
        if words in line:
            break
    role.run(allow)  # the worker connects anew by itself
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    assert application.processed() == 1000
    assert application.one("select count(*) from mailvault.failure") == 0
    assert application.all("select distinct migration_attempts from emails") == [(1,)]
    application.reconcile()
