"""Workers in the background, as an operator has them: started, watched, killed, and ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mailvault.queue.control import Control
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application
    from tests.program import Program

EMAILS = 2000


@pytest.fixture(autouse=True)
def _none_left(program: Program) -> Iterator[None]:
    """End what a test leaves at work, for it outlives the test."""
    yield
    program.run("workers", "stop", "--timeout", "1s")


def listed(program: Program) -> list[dict[str, Any]]:
    workers: list[dict[str, Any]] = json.loads(program.run("workers", "list", "--json").stdout)[
        "workers"
    ]
    return workers


def states(application: Application) -> dict[int, str]:
    return dict(application.all("select pid, state from mailvault.worker"))


def in_all(application: Application) -> int:
    """What is done, failed and left: it must not change while anything runs, or dies."""
    total: int = application.one("select processed + failed + remaining from mailvault.progress")
    return total


def test_four_of_which_one_is_killed(application: Application, program: Program) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    said = program.run("workers", "start", "4", "-j", "2").stdout
    log = program.directory / "mailvault-workers.log"
    assert said == f"4 workers at work; log: {log}\n"
    assert len(json.loads(program.run("workers", "status", "--json").stdout)["workers"]) == 4
    wait_until(lambda: application.processed() > 0, "the first email")
    victim = min(states(application))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(states(application)) == 5, "the next one")
    assert in_all(application) == EMAILS
    application.connection.execute(
        "update mailvault.worker set heartbeat_at = heartbeat_at - interval '1 minute' "
        "where pid = %s",
        [victim],
    )
    wait_until(lambda: states(application)[victim] == "lost", "its jobs to be taken back")
    wait_until(lambda: application.processed() == EMAILS, "all emails")
    assert "ended with code -9" in log.read_text()
    application.reconcile()


def test_one_that_is_gone_is_not_well(application: Application, program: Program) -> None:
    ended = program.start("--version")
    ended.communicate(timeout=30)
    application.connection.execute(
        "insert into mailvault.worker (host, pid, concurrency, uploader, uploader_reason) "
        "values (%s, %s, 4, 'rust', 'test'), ('elsewhere', 1, 4, 'rust', 'test')",
        [socket.gethostname(), ended.pid],
    )
    shown = json.loads(program.run("workers", "status", "--json", code=1).stdout)
    [worker] = shown["workers"]
    assert (worker["pid"], worker["state"], worker["well"]) == (ended.pid, "gone", False)
    assert len(listed(program)) == 2  # what runs elsewhere cannot be seen


def test_stop_gives_back_what_was_in_flight(application: Application, program: Program) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    program.run("workers", "start", "2", "-j", "2", "--bwlimit", "4K")  # for ten seconds' work
    wait_until(lambda: application.one("select count(*) from mailvault.lease") > 0, "a lease")
    assert program.run("workers", "stop").stdout == "ended 2 workers here\n"
    assert set(states(application).values()) == {"stopped"}
    assert application.one("select count(*) from mailvault.lease") == 0
    assert 0 < application.processed() < EMAILS
    application.reconcile()
    assert program.run("workers", "stop").stdout == "none were started here\n"
    assert "no workers run" in program.run("workers", "status", code=1).stdout


def test_only_what_is_missing_is_started(application: Application, program: Program) -> None:
    program.run("workers", "start", "-j", "3")
    assert "nothing to do, 1 run here" in program.run("workers", "start").stdout
    assert "1 run here already; 1 more" in program.run("workers", "start", "2", "-j", "5").stdout
    assert sorted(worker["concurrency"] for worker in listed(program)) == [3, 5]
    before = set(states(application))
    program.run("workers", "restart")
    assert sorted(worker["concurrency"] for worker in listed(program)) == [3, 5]
    assert before.isdisjoint(worker["pid"] for worker in listed(program))
    program.run("workers", "restart", "1")
    assert [worker["concurrency"] for worker in listed(program)] == [3]


def test_restart_needs_something_to_restart(program: Program) -> None:
    assert "workers start" in program.run("workers", "restart", code=2).stderr


def test_a_restart_that_cannot_start_ends_nothing(
    application: Application, program: Program
) -> None:
    program.run("workers", "start")
    before = listed(program)
    program.run("workers", "restart", code=3, DATABASE_URL=application.dsn + " user=nobody_here")
    assert [worker["pid"] for worker in listed(program)] == [worker["pid"] for worker in before]
    program.run("workers", "status")


def test_all_end_wherever_and_however_they_were_started(
    application: Application, program: Program
) -> None:
    foreground = program.start("work")
    program.run("workers", "start", "1")
    wait_until(lambda: len(states(application)) == 2, "both workers")
    said = program.run("workers", "stop", "--all").stdout
    assert said == "ended 2 workers on all machines\n"
    said, _ = foreground.communicate(timeout=30)
    assert "an operator ends all workers" in said
    assert foreground.returncode == 0
    assert set(states(application).values()) == {"stopped"}
    # It is no order to those that are started later.
    program.run("workers", "start", "1")
    program.run("workers", "status")


def test_those_that_are_ending_are_not_there_any_more(
    application: Application, program: Program
) -> None:
    """As on another machine than that where all were told to end, for an upgrade."""
    program.run("workers", "start")
    [(pid, _)] = states(application).items()
    supervisor = psutil.Process(pid).parent()
    assert supervisor is not None
    wait_until(lambda: time.time() - supervisor.create_time() > 4, "it to be older than the order")
    Control(application.connection).stop_workers()
    assert "1 worker at work" in program.run("workers", "start").stdout
    assert pid not in {worker["pid"] for worker in listed(program)}


def test_what_cannot_start_says_why(program: Program) -> None:
    done = program.run("workers", "start", "2", code=2, S3_BUCKET="")
    assert "S3_BUCKET" in done.stderr
    assert "the workers ended with code 2; log:" in done.stderr
    assert (
        "is not a time such as" in program.run("workers", "stop", "--timeout", "1", code=2).stderr
    )
    assert "--bwlimit" in program.run("workers", "start", "--bwlimit", "much", code=2).stderr
    unwritable = program.run("workers", "start", "--log", "no/such/directory", code=1).stderr
    assert "name another one: --log FILE" in unwritable


def test_workers_of_another_database_are_let_alone(
    application: Application, program: Program
) -> None:
    program.run("workers", "start")
    elsewhere = application.dsn + " port=1"
    stopped = program.run("workers", "stop", DATABASE_URL=elsewhere)  # which it does not reach
    assert stopped.stdout == "none were started here\n"
    program.run("workers", "status")


def test_those_without_a_supervisor_end_too(application: Application, program: Program) -> None:
    program.run("workers", "start", "2")
    [supervisor] = {psutil.Process(pid).ppid() for pid in states(application)}
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: set(states(application).values()) == {"stopped"}, "both to end")


def test_the_monitor_in_a_pipe(application: Application, program: Program) -> None:
    application.add_emails(3)
    program.run("workers", "start")
    program.run("workers", "pause")
    monitor = program.start("workers", "monitor")
    assert monitor.stdout is not None
    line = monitor.stdout.readline()
    monitor.terminate()
    monitor.communicate(timeout=30)
    assert line.startswith("1 worker, 0 in flight, - emails/s, 0 done, 0 failed, ")
    assert "; paused by " in line
