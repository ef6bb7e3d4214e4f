"""A worker that is killed or told to stop: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.conftest import UPLOADERS
from tests.fault.silence import Silence
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

EMAILS = 4000


def forget_the_dead(application: Application) -> None:
    """Move the heartbeats of the dead into the past, as if twenty seconds had gone by."""
    application.connection.execute(
        "update mailvault.worker set heartbeat_at = heartbeat_at - interval '1 minute' "
        "where state <> 'stopped'"
    )


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_killed_three_times_on_the_way(
    application: Application, bucket: Bucket, program: Program, uploader: str
) -> None:
    application.add_emails(EMAILS)
    for email in range(1, EMAILS, 10):
        application.add_file(email, os.urandom(2000), f"{email}.bin")
    program.run("enqueue", "--all")
    orphans = 0
    for quarter in (1, 2, 3):
        worker = program.start("work", "-j", "16", "--uploader", uploader)
        goal = quarter * EMAILS // 4
        wait_until(lambda: application.processed() >= goal, f"{goal} emails")  # noqa: B023
        worker.kill()
        worker.communicate()
        orphans += application.one("select count(*) from mailvault.lease")
        forget_the_dead(application)
    assert orphans > 0, "no kill hit a lease: the test proved nothing"
    program.run("work", "--drain", "-j", "16", "--uploader", uploader)

    assert application.all("select processed, failed, remaining from mailvault.progress") == [
        (EMAILS, 0, 0)
    ]
    assert application.one("select count(*) from emails where is_migrated") == EMAILS
    parts = EMAILS + len(range(1, EMAILS, 10))
    assert application.one("select count(*) from mailvault.part") == parts
    assert application.one("select count(*) from mailvault.object") == parts
    assert len(bucket.listing()) == parts
    application.reconcile()


def test_a_stopped_worker_gives_back_what_it_did_not_finish(
    application: Application, program: Program
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "-j", "16")
    wait_until(lambda: application.processed() > 0, "the first email")
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0, said
    done = application.processed()
    assert 0 < done < EMAILS
    assert application.one("select count(*) from mailvault.lease") == 0
    assert application.one("select count(*) from mailvault.outbox") == EMAILS - done
    assert application.all("select distinct attempts from mailvault.outbox") == [(0,)]
    assert application.all("select state from mailvault.worker") == [("stopped",)]
    application.reconcile()


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_a_second_signal_ends_it_at_once(
    application: Application, program: Program, uploader: str
) -> None:
    application.add_emails(50)
    program.run("enqueue", "--all")
    with Silence() as store:
        worker = program.start(
            "work", "-j", "8", "--uploader", uploader, S3_ENDPOINT=f"http://127.0.0.1:{store.port}"
        )
        wait_until(lambda: store.asked >= 8, "eight uploads under way")
        worker.send_signal(signal.SIGTERM)
        stopping = "select count(*) from mailvault.worker where state = 'stopping'"
        wait_until(lambda: application.one(stopping), "the worker to be stopping")
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        said, _ = worker.communicate(timeout=20)
    assert worker.returncode == 0, said
    assert application.one("select count(*) from mailvault.lease") == 0
    assert application.all("select distinct attempts from mailvault.outbox") == [(0,)]


def test_stopping_stops_all_processes(application: Application, program: Program) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "-j", "8", "--processes", "2")
    wait_until(lambda: application.processed() > 0, "the first email")
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0, said
    assert application.one("select count(*) from mailvault.lease") == 0
    application.reconcile()


def test_children_end_with_the_process_that_started_them(
    application: Application, program: Program
) -> None:
    parent = program.start("work", "-j", "8", "--processes", "2")
    idle = "select count(*) from mailvault.worker where state = 'idle'"
    wait_until(lambda: application.one(idle) == 2, "two idle workers")
    parent.kill()
    parent.communicate()
    stopped = "select count(*) from mailvault.worker where state = 'stopped'"
    wait_until(lambda: application.one(stopped) == 2, "both workers to follow")


def test_an_idle_worker_takes_new_mail(application: Application, program: Program) -> None:
    worker = program.start("work", "-j", "4")
    idle = "select count(*) from mailvault.worker where state = 'idle'"
    wait_until(lambda: application.one(idle) == 1, "an idle worker")
    application.add_emails(3)
    program.run("enqueue", "--all")
    wait_until(lambda: application.processed() == 3, "three emails")
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=30)
    assert worker.returncode == 0
