"""The kill test at size, with the clock as it is: 20,000 seeded emails, three times kill -9."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

EMAILS = 20_000


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_thousand_emails_and_three_kills(
    application: Application, bucket: Bucket, program: Program
) -> None:
    program.run("seed", "--emails", str(EMAILS), "--attachments", "0-1")
    program.run("enqueue", "--all")
    total = "select coalesce(sum(processed), 0) from mailvault.tally"
    orphans = 0
    for quarter in (1, 2, 3):
        worker = program.start("work", "-j", "16")
        goal = quarter * EMAILS // 4
        wait_until(lambda: application.one(total) >= goal, f"{goal} emails", timeout=300)  # noqa: B023
        worker.kill()
        worker.communicate()
        orphans += application.one("select count(*) from mailvault.lease")
    assert orphans > 0, "no kill hit a lease: the test proved nothing"
    worker = program.start("work", "--drain", "-j", "16")
    said, _ = worker.communicate(timeout=600)
    assert worker.returncode == 0, said

    assert application.all("select processed, failed, remaining from mailvault.progress") == [
        (EMAILS, 0, 0)
    ]
    assert application.one("select count(*) from emails where is_migrated") == EMAILS
    parts = EMAILS + application.one("select count(*) from files")
    assert application.one("select count(*) from mailvault.part") == parts
    assert application.one("select count(*) from mailvault.object") == parts
    assert application.one("select count(s3_path) from files") == parts - EMAILS
    assert len(bucket.listing()) == parts
    application.reconcile()
