"""The whole run in one command: looked at, planned, moved, summed up; and gone on with."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program


def test_one_command_moves_all_and_sums_up(
    application: Application, bucket: Bucket, program: Program
) -> None:
    application.add_emails(40)
    application.add_file(1, b"x" * (9 * 1024**2), "large.bin")
    said = program.run("migrate", "--yes").stdout
    assert "40 emails with 41 bodies and attachments" in said
    assert "40 of 40 emails stored, 0 failed; 41 objects" in said
    assert len(bucket.listing()) == 41
    application.reconcile()
    assert "every email was dispatched before" in program.run("migrate", "--yes").stdout


def test_a_dry_run_changes_nothing(
    application: Application, bucket: Bucket, program: Program
) -> None:
    application.add_emails(3)
    said = program.run("migrate", "--dry-run").stdout
    assert "3 emails" in said
    assert "it takes" in said
    assert application.one("select count(*) from mailvault.batch where id > 0") == 0
    assert bucket.listing() == []


def test_nobody_is_asked_in_a_pipe(application: Application, program: Program) -> None:
    said = program.run("migrate", code=2).stderr
    assert "--yes" in said


def test_failures_are_summed_up_with_what_to_do(
    application: Application, program: Program
) -> None:
    application.add_emails(2)
    application.add_file(1, None, "../etc/passwd")
    said = program.run("migrate", "--yes", code=1).stdout
    assert "1 of 2 emails stored, 1 failed" in said
    assert "1 file_refused" in said
    assert "mailvault retry" in said


def test_a_problem_is_to_be_mended_first(application: Application, program: Program) -> None:
    application.add_emails(2)
    said = program.run("migrate", "--yes", code=2, S3_BUCKET="there-is-none")
    assert "mended first" in said.stderr
    assert application.one("select count(*) from mailvault.batch where id > 0") == 0


@pytest.mark.parametrize("processes", ["1", "2"])
def test_mail_that_is_left_is_no_success(
    application: Application, program: Program, processes: str
) -> None:
    application.add_emails(3)
    application.add_file(1, None, "late.txt")
    done = program.run(
        "migrate", "--yes", "--processes", processes, code=2,
        MIGRATION_FILES_ROOT=str(program.directory / "not-mounted"),
    )  # fmt: skip
    assert "not-mounted" in done.stderr


def test_whoever_ends_it_from_elsewhere_is_told_of(
    application: Application, program: Program
) -> None:
    application.add_emails(300)
    run = program.start("migrate", "--yes", "-j", "1", MIGRATION_BWLIMIT="1")  # a KiB a second
    wait_until(application.processed, "an email is stored")
    program.run("workers", "stop", "--all")
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1, said
    assert "emails are left, since the workers ended before" in said
    assert "mailvault migrate --resume 1" in said


def test_it_goes_on_where_it_was_stopped(
    application: Application, bucket: Bucket, program: Program
) -> None:
    application.add_emails(300)
    slow = {"MIGRATION_BWLIMIT": "1"}  # a KiB a second
    run = program.start("migrate", "--yes", "-j", "1", **slow)
    wait_until(application.processed, "an email is stored")
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "mailvault migrate --resume 1" in said
    assert 0 < application.processed() < 300
    assert application.one("select count(*) from mailvault.lease") == 0
    assert "300 of 300 emails stored" in program.run("migrate", "--resume", "1", "--yes").stdout
    assert len(bucket.listing()) == 300
    application.reconcile()
