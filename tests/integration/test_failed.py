"""What failed: grouped by reason, shown one by one, sent back by reason, given up."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from mailvault.queue.failures import ALL, Failures, Which
from mailvault.queue.outbox import Failure
from tests.outbox import FAULT, enqueue_all, worker
from tests.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from mailvault.db import Pool
    from tests.application import Application

GONE = Failure("file_missing", f"attachment 1: no file at {'deep/' * 30}late.txt", retryable=False)
OUTSIDE = Failure("file_refused", "attachment 2: ../a is not\x1b below the root", retryable=False)
MISSING = "mailvault retry --reason file_missing --reset"


@pytest.fixture
def failing(application: Application, pool: Pool, tmp_path: Path) -> Program:
    """Two batches: of the first, files of 2 emails are missing and 1 is outside; then 1 more."""
    outbox = worker(pool)
    for failures in ((GONE, GONE, OUTSIDE), (GONE,)):
        application.add_emails(len(failures) + 1)
        enqueue_all(application)
        failed = zip(outbox.claim(len(failures)), failures, strict=True)
        outbox.nack(list(failed))
        outbox.release_strays(())
        application.connection.execute("delete from mailvault.outbox")  # the rest is stored, say
    return Program(tmp_path, application.environment())


def objects(program: Program, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program.run(*arguments, "--json").stdout.splitlines()]


def counts(application: Application) -> dict[str, int]:
    return {found.reason: found.count for found in Failures(application.connection).reasons()}


def test_reasons_each_with_an_example_and_its_command(failing: Program) -> None:
    lines = failing.run("failed").stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.endswith("until mended")] == [
        ["3", "file_missing:"],
        ["1", "file_refused:"],
    ]
    assert max(map(len, lines)) <= 80
    [first, _] = [line for line in lines if "e.g." in line]
    assert first.strip().startswith("e.g. email 1: attachment 1: no file at")
    assert first.endswith("…")
    assert [line.strip() for line in lines if "mailvault retry" in line] == [
        MISSING,
        "mailvault retry --reason file_refused --reset",
    ]
    assert lines[-1] == "4 failed. One by one: mailvault failed list"

    [missing, refused] = objects(failing, "failed")
    assert (missing["reason"], missing["count"], missing["retryable"]) == (
        "file_missing",
        3,
        False,
    )
    assert missing["command"] == MISSING
    assert refused["email"] == "3"
    [of_second] = objects(failing, "failed", "--batch", "2")
    assert of_second["command"] == "mailvault retry --reason file_missing --batch 2 --reset"
    assert (of_second["count"], of_second["email"]) == (1, "5")


def test_letters_one_by_one(failing: Program) -> None:
    assert [one["email"] for one in objects(failing, "failed", "list")] == ["1", "2", "3", "5"]
    chosen = ("failed", "list", "--reason", "file_missing", "--batch", "1")
    assert [one["email"] for one in objects(failing, *chosen)] == ["1", "2"]
    text = failing.run("failed", "list", "--limit", "3").stdout
    assert "4 failed, of which 3 are shown" in text
    assert max(map(len, text.splitlines())) <= 80
    assert [line.split()[:4] for line in text.splitlines() if "attachment" in line] == [
        ["1", "1", "1", "file_missing"],
        ["2", "2", "1", "file_missing"],
        ["3", "3", "1", "file_refused"],
    ]


def test_one_job_with_every_attempt(
    application: Application, pool: Pool, failing: Program
) -> None:
    Failures(application.connection).retry(Which([1]), reset=False)
    outbox = worker(pool)
    outbox.nack([(lease, FAULT) for lease in outbox.claim(1)])
    [shown] = objects(failing, "failed", "show", "1")
    assert (shown["email"], shown["batch"], shown["state"]) == ("1", 1, "delayed")
    assert [attempt["attempt"] for attempt in shown["attempts"]] == [1, 2]
    assert [attempt["reason"] for attempt in shown["attempts"]] == ["file_missing", "store_fault"]
    assert {attempt["host"] for attempt in shown["attempts"]} == {"here"}

    text = failing.run("failed", "show", "3").stdout
    assert text.startswith("job 3: email 3, of batch 1\nnow: failed since ")
    assert "\n  attachment 2: ../a is not  below the root\n" in text
    assert text.endswith("correct the paths in the source, then:\nmailvault retry 3 --reset\n")
    assert "there is no job 99" in failing.run("failed", "show", "99", code=1).stderr


@pytest.mark.parametrize(
    "state", ["ready", "in hand by worker", "delayed until", "failed since", "stored"]
)
def test_where_a_job_is(application: Application, pool: Pool, state: str) -> None:
    application.add_email()
    enqueue_all(application)
    outbox = worker(pool)
    leases = [] if state == "ready" else outbox.claim(1)
    match state.split(maxsplit=1)[0]:
        case "delayed":
            outbox.nack([(lease, FAULT) for lease in leases])
        case "failed":
            outbox.nack([(lease, GONE) for lease in leases])
        case "stored":
            outbox.ack([(lease, []) for lease in leases])
    found = Failures(application.connection).find(1)
    assert state.startswith(found.state)
    assert (found.until is not None) == (found.state == "delayed")
    assert (found.since is not None) == (found.state in {"in hand", "failed"})
    assert found.by == (f"worker {outbox.worker_id}" if found.state == "in hand" else None)


def test_a_retry_takes_those_of_a_reason_and_of_a_batch(
    application: Application, failing: Program
) -> None:
    said = failing.run("retry", "--reason", "file_missing", "--batch", "2", "--reset").stdout
    assert said == "1 sent back to the outbox\n"
    assert counts(application) == {"file_missing": 2, "file_refused": 1}
    assert failing.run("retry", "--reason", "file_missing", "--limit", "1").stdout[0] == "1"
    assert failing.run(*MISSING.split()[1:]).stdout[0] == "1"
    assert counts(application) == {"file_refused": 1}
    assert application.all("select email_key, attempts from mailvault.outbox order by 1") == [
        ("1", 1), ("2", 0), ("5", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("command", [("retry",), ("failed", "list"), ("failed", "clear", "--yes")])
def test_of_an_unknown_reason_or_batch_it_says_what_there_is(
    failing: Program, command: tuple[str, ...]
) -> None:
    said = failing.run(*command, "--reason", "file_missin", code=1).stderr
    assert "nothing failed with the reason 'file_missin'" in said
    assert "file_missing (3), file_refused (1)" in said
    assert "no batch 7" in failing.run(*command, "--batch", "7", code=2).stderr
    if "list" not in command:
        assert "name jobs, or say" in failing.run(*command, "2", "--all", code=2).stderr
        assert "say which" in failing.run(*command, code=2).stderr


def test_what_is_cleared_stays_and_is_listed_no_longer(
    application: Application, failing: Program
) -> None:
    asked = failing.run("failed", "clear", "--reason", "file_missing", "--batch", "1", code=2)
    assert "2 emails would stay where they are" in asked.stderr
    assert "--yes" in asked.stderr
    assert counts(application) == {"file_missing": 3, "file_refused": 1}

    said = failing.run("failed", "clear", "--reason", "file_missing", "--batch", "1", "--yes")
    assert said.stdout == "2 cleared\n"
    assert counts(application) == {"file_missing": 1, "file_refused": 1}
    assert "\n2 more were cleared" in failing.run("failed").stdout
    assert "now: cleared by " in failing.run("failed", "show", "2").stdout
    assert failing.run("failed", "clear", "2", "--yes", code=1).stdout == "0 cleared\n"
    assert failing.run("retry", "--all").stdout == "2 sent back to the outbox\n"
    assert failing.run("retry", "2").stdout == "1 sent back to the outbox\n"


def test_what_fails_while_it_asks_is_not_cleared(application: Application, pool: Pool) -> None:
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool)
    final = Failure("file_missing", "gone", retryable=False)
    outbox.nack([(outbox.claim(1)[0], final)])
    failures = Failures(application.connection)
    count = failures.count()
    outbox.nack([(outbox.claim(1)[0], final)])
    assert failures.clear(ALL, count.at) == count.listed == 1
    assert [letter.job for letter in failures.each()] == [2]


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 130, 4), (b"y\n", 0, 2)])
def test_on_a_terminal_it_asks(
    application: Application, failing: Program, answer: bytes, code: int, left: int
) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    done = subprocess.run(
        failing.command("failed", "clear", "1", "2", "2"),
        check=False, stdin=theirs, capture_output=True, timeout=60, cwd=failing.directory,
        env={**os.environ, **failing.environment},
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done.stderr
    assert b"2 emails would stay" in done.stderr
    assert sum(counts(application).values()) == left


def test_options_stand_behind_the_word_that_they_are_for(failing: Program) -> None:
    assert "behind the word list" in failing.run("failed", "--json", "list", code=2).stderr


def test_where_nothing_failed(application: Application, tmp_path: Path) -> None:
    program = Program(tmp_path, application.environment())
    assert program.run("failed").stdout == "nothing has failed\n"
    assert program.run("failed", "list").stdout == "nothing has failed\n"
    assert program.run("failed", "--json").stdout == ""
