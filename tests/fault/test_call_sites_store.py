"""Every request of both uploaders, refused, hung, done with its answer lost, and done twice."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest

import mailvault.store.boto
import mailvault.store.rust
from mailvault.store.options import boto_client
from mailvault.store.pace import Patience
from mailvault.worker.stop import Stop
from tests.conftest import UPLOADERS
from tests.fault.call_sites import Runs, shorten
from tests.fault.line import Fault
from tests.fault.store_proxy import StoreProxy
from tests.outbox import enqueue_all
from tests.s3.fake_store import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import UploaderChoice
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.s3.fake_store import Request

MIB = 1024**2

SHORT = Patience(connect=1, answer=4, retries=1, total=6)
"""What both clients wait, so that a request that hangs is given up within the test."""

SITES: dict[str, Callable[[Request], bool]] = {
    "PUT": lambda request: request.method == "PUT" and "?" not in request.path,
    "GET to compare": lambda request: request.method == "GET",
    "HEAD before": lambda request: request.method == "HEAD",
    "POST create": lambda request: request.method == "POST" and "uploads" in request.path,
    "PUT slice": lambda request: "partNumber=" in request.path,
    "POST complete": lambda request: request.method == "POST" and "uploadId=" in request.path,
    "DELETE abort": lambda request: request.method == "DELETE" and "uploadId=" in request.path,
}
"""What is asked of the store for mail; the probe's requests are not of these."""

QUICK = {("PUT", Fault.LOST), ("POST complete", Fault.LOST)}
"""Run with every change; the others are slow tests."""

CASES = [
    pytest.param(site, fault, marks=[] if (site, fault) in QUICK else [pytest.mark.slow])
    for site in SITES
    for fault in Fault
]

PAVED: dict[str, tuple[str, list[Fault | Answer]]] = {
    "GET to compare": ("PUT", [Fault.LOST]),
    "DELETE abort": ("POST complete", [Answer(500, "InternalError")] * (SHORT.retries + 1)),
}
"""Sites that are reached only after another request went wrong, and how that must go."""


class Script:
    """Does one fault to one request, once, and what leads to that request."""

    def __init__(self, site: str, fault: Fault) -> None:
        self._site = site
        self._fault = fault
        self._before, faults = PAVED.get(site, ("", []))
        self._paving = iter(faults)
        self.fired = False

    def __call__(self, request: Request) -> Fault | Answer | None:
        if "/.mailvault/" in request.path or self.fired:
            return None
        if SITES[self._site](request):
            self.fired = True
            return self._fault
        paves = self._before and SITES[self._before](request)
        return next(self._paving, None) if paves else None


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    monkeypatch.setattr(mailvault.store.rust, "UPLOAD", SHORT)
    monkeypatch.setattr(mailvault.store.boto, "boto_client", partial(boto_client, patience=SHORT))


@pytest.mark.parametrize(("site", "fault"), CASES)
@pytest.mark.parametrize("uploader", UPLOADERS)
def test_a_request_fails_once(
    application: Application, bucket: Bucket, uploader: UploaderChoice, site: str, fault: Fault
) -> None:
    for number in range(3):
        application.add_email(f"<p>{number}")
    if site not in {"PUT", "GET to compare"}:
        application.add_file(1, os.urandom(8 * MIB + 1), "large.bin")
    enqueue_all(application)
    script = Script(site, fault)
    with StoreProxy(bucket.environment["S3_ENDPOINT"], script) as line:
        runs = Runs(application, bucket, S3_ENDPOINT=line.endpoint)
        result = runs.drain(uploader, Stop())
        assert script.fired, "the request was never made"
        assert line.done[fault] >= 1
        assert result is not None, "it did not go on by itself"
        assert result.dead == 0
    runs.check()
    assert set(line.writes().values()) == {1}
