"""Workers that are started anew: after a crash, at their limits, and not when they have ended."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

    from tests.application import Application
    from tests.program import Program

EMAILS = 3000


def pids(application: Application) -> set[int]:
    rows = application.all("select pid from mailvault.worker where state <> 'stopped'")
    return {pid for (pid,) in rows}


def end(running: subprocess.Popen[str]) -> str:
    """Have it end as an operator does; return what it said."""
    running.terminate()
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    return said


def test_one_that_is_killed_is_replaced_and_nothing_is_lost(
    application: Application, program: Program
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    running = program.start("work", "--processes", "2", "--restart", "-j", "4")
    wait_until(lambda: application.processed() > 0 and len(pids(application)) == 2, "two workers")
    victim = min(pids(application))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(pids(application)) == 3, "the next one")
    application.connection.execute(
        "update mailvault.worker set heartbeat_at = heartbeat_at - interval '1 minute' "
        "where pid = %s",
        [victim],
    )
    wait_until(lambda: application.processed() == EMAILS, "all emails")
    said = end(running)
    assert f"(pid {victim}) ended with code -9; the next one starts in 1 s" in said
    assert application.one("select count(*) from mailvault.lease") == 0
    application.reconcile()


def test_those_that_are_spent_are_replaced_until_nothing_is_left(
    application: Application, program: Program
) -> None:
    application.add_emails(200)
    program.run("enqueue", "--all")
    done = program.run(
        "work", "--processes", "2", "--restart", "--max-jobs", "40", "-j", "4", "--drain"
    )
    assert "next one starts" not in done.stderr  # which is for those that failed
    assert application.processed() == 200
    assert application.one("select max(processed) from mailvault.worker") == 40
    assert application.one("select count(*) from mailvault.worker where processed > 0") >= 5
    application.reconcile()


def test_one_too_large_from_its_start_is_replaced_ever_more_slowly(
    application: Application, program: Program
) -> None:
    application.add_emails(1)
    program.run("enqueue", "--all")
    running = program.start("work", "--restart", "--memory-limit", "20M")
    ended = "select count(*) from mailvault.worker where state = 'stopped'"
    wait_until(lambda: application.one(ended) == 2, "the second one to end")
    said = end(running)
    assert "MiB of memory in use" in said
    assert "the next one starts in 1 s" in said
    assert application.processed() == 0


def test_a_limit_that_is_no_size_is_wrong_usage(program: Program) -> None:
    assert "not a size" in program.run("work", "--memory-limit", "many", code=2).stderr


def test_one_that_cannot_start_as_it_is_configured_is_not_replaced(
    application: Application, program: Program
) -> None:
    application.connection.execute("drop schema mailvault cascade")
    done = program.run("work", "--processes", "2", "--restart", code=2)
    assert "mailvault init" in done.stderr or "not initialised" in done.stderr


def test_an_order_to_all_also_ends_what_is_started_anew_after_it(
    application: Application, program: Program
) -> None:
    running = program.start("work", "--processes", "2", "--restart")
    wait_until(lambda: len(pids(application)) == 2, "two workers")
    victim = min(pids(application))
    os.kill(victim, signal.SIGKILL)
    application.connection.execute("select mailvault.stop_workers()")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert application.one("select count(*) from mailvault.worker") == 3
    assert pids(application) == {victim}


def test_files_that_are_away_for_a_while_cost_no_worker(
    application: Application, program: Program
) -> None:
    application.add_file(application.add_email(), b"there", "a.bin")
    running = program.start("work", "--restart")
    assert running.stdout is not None
    # It says so to the supervisor before it says so here.
    assert any("emails in flight" in line for line in running.stdout)
    root, away = application.files_root, application.files_root.with_name("away")
    root.rename(away)
    [victim] = pids(application)
    os.kill(victim, signal.SIGKILL)
    said = next((line for line in running.stdout if "with code 2; the next one" in line), "")
    away.rename(root)
    assert "starts in 2 s" in said
    wait_until(lambda: len(pids(application)) == 2, "the next one")
    end(running)


@pytest.mark.parametrize("several", [[], ["--processes", "2"]])
def test_one_that_was_told_to_end_did_so_without_failure(
    application: Application, program: Program, several: list[str]
) -> None:
    email = application.add_email()
    application.add_file(email, None, "no-such-file.bin")
    program.run("enqueue", "--all")
    running = program.start("work", *several)
    wait_until(lambda: application.one("select count(*) from mailvault.dead_letter"), "a failure")
    end(running)


def test_failures_of_those_that_were_spent_are_told(
    application: Application, program: Program
) -> None:
    email = application.add_email()
    application.add_file(email, None, "no-such-file.bin")
    for _ in range(3):
        application.add_email()
    program.run("enqueue", "--all")
    program.run("work", "--restart", "--max-jobs", "2", "-j", "1", "--drain", code=1)
    assert application.processed() == 3
