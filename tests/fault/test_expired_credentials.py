"""Credentials that expire in the middle of a run of 5,000 emails, and are valid again later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.fault.proxy import Proxy
from tests.s3.fake_store import Answer, FakeStore
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

EMAILS = 5000

HELD = "select held_reason from mailvault.worker where state = 'held'"

PROCESSED = "select coalesce(sum(processed), 0) from mailvault.tally"


def probes(store: FakeStore) -> int:
    """How often a worker that is held looked whether it may go on."""
    return sum("/.mailvault/" in request.path for request in store.requests)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uploader", "code"), [("rust", "ExpiredToken"), ("boto3", "InvalidAccessKeyId")]
)
def test_credentials_expire_and_are_renewed(
    application: Application, bucket: Bucket, program: Program, uploader: str, code: str
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    address = urlsplit(bucket.environment["S3_ENDPOINT"])
    refusal = Answer(403, code, "The provided credentials are not valid.")
    with (
        Proxy(str(address.hostname), address.port or 80) as line,
        FakeStore(lambda _: refusal) as refusing,
    ):
        worker = program.start(
            "work", "--drain", "-j", "8", "--uploader", uploader,
            S3_ENDPOINT=f"http://127.0.0.1:{line.port}",
        )  # fmt: skip
        wait_until(lambda: application.one(PROCESSED) >= EMAILS // 5, "a fifth of the emails")
        line.turn_to("127.0.0.1", urlsplit(refusing.address).port or 80)
        wait_until(lambda: application.one(HELD) == "store_denied", "the worker to be held")
        shown = json.loads(program.run("status", "--json").stdout)
        assert shown["hold"]["kind"] == "breaker"
        assert shown["hold"]["reasons"][0]["signal"] == "store_denied"
        assert code in shown["hold"]["reasons"][0]["observed"]
        assert shown["eta"]["state"] == "held"
        said = program.run("status").stdout
        assert "held: " in said
        assert code in said
        wait_until(lambda: probes(refusing) > 0, "the worker to try again")
        done = application.one(PROCESSED)
        assert EMAILS // 5 <= done < EMAILS
        before = probes(refusing)
        wait_until(lambda: probes(refusing) > before, "the worker to try once more")
        assert application.one(PROCESSED) == done, "it went on against the refusals"

        line.turn_back()
        said, _ = worker.communicate(timeout=200)
    assert worker.returncode == 0, said
    assert application.one(PROCESSED) == EMAILS
    assert application.one("select count(*) from mailvault.failure") == 0
    assert application.all("select distinct migration_attempts from emails") == [(1,)]
    assert len(bucket.listing()) == EMAILS
    application.reconcile()
