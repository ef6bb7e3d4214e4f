"""Uploads with a fault in every third answer of the store."""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

import mailvault.store.boto
import mailvault.store.open
import mailvault.store.rust
from mailvault.store.boto import BotoUploader
from mailvault.store.options import boto_client
from mailvault.store.pace import Patience
from mailvault.store.rust import RustUploader
from mailvault.worker.stop import Stop
from tests.conftest import UPLOADERS
from tests.fault.call_sites import Runs, shorten
from tests.fault.line import Fault
from tests.fault.store_proxy import StoreProxy, Torn
from tests.outbox import enqueue_all
from tests.s3.fake_store import Answer

if TYPE_CHECKING:
    from mailvault.config import UploaderChoice
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.s3.fake_store import Request

KIB = 1024

PART_SIZE = 5 * KIB**2
"""The smallest slice that S3 takes."""

SHORT = Patience(connect=1, answer=2, retries=2, total=6)

FAULTS: tuple[Fault | Torn | Answer, ...] = (
    Answer(503, "SlowDown"),
    Answer(500, "InternalError"),
    Fault.REFUSED,
    Fault.HUNG,
    Fault.LOST,
    Torn.REQUEST,
    Torn.ANSWER,
)

FAILED_COMPLETION = Answer(200, "InternalError")
"""A store may begin to answer while it puts the slices together, and find only then that it
cannot."""

LARGE_UNTIL = 150
"""Emails among which those with large attachments are: bytes take time, and prove nothing more."""

SIZES = [pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(600)]), 60]


class EveryThird:
    """Does a fault to every third request, each kind in its turn; the probe is left alone.

    Completions are counted by themselves: they are few, and have a fault of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults = itertools.cycle(FAULTS)
        self._at_completion = itertools.cycle((FAILED_COMPLETION, *FAULTS))
        self._asked: Counter[bool] = Counter()

    @property
    def due(self) -> int:
        """How many faults there must have been."""
        return sum(asked // 3 for asked in self._asked.values())

    def __call__(self, request: Request) -> Fault | Torn | Answer | None:
        if "/.mailvault/" in request.path:
            return None
        completes = request.method == "POST" and "uploadId=" in request.path
        with self._lock:
            self._asked[completes] += 1
            if self._asked[completes] % 3:
                return None
            return next(self._at_completion if completes else self._faults)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    monkeypatch.setattr(mailvault.store.rust, "UPLOAD", SHORT)
    monkeypatch.setattr(mailvault.store.boto, "boto_client", partial(boto_client, patience=SHORT))
    for module, uploader in (
        (mailvault.store.rust, RustUploader),
        (mailvault.store.open, BotoUploader),
    ):
        monkeypatch.setattr(module, uploader.__name__, partial(uploader, part_size=PART_SIZE))


def add_mail(application: Application, uploads: int) -> None:
    """So many parts: bodies, and an attachment for each fourth; of those, some are large."""
    sizes = itertools.cycle((0, 10 * KIB, PART_SIZE + 1, 0, 10 * KIB, 2 * PART_SIZE + 1))
    for number in range(1, uploads * 4 // 5 + 1):
        email = application.add_email(os.urandom(5 * KIB).hex())
        if number % 4 == 0:
            size = next(sizes) if number <= LARGE_UNTIL else 10 * KIB
            application.add_file(email, os.urandom(size), f"{email}.bin")


@pytest.mark.parametrize("uploads", SIZES)
@pytest.mark.parametrize("uploader", UPLOADERS)
def test_a_fault_in_every_third_answer(
    application: Application, bucket: Bucket, uploader: UploaderChoice, uploads: int
) -> None:
    add_mail(application, uploads)
    enqueue_all(application)
    script = EveryThird()
    with StoreProxy(bucket.environment["S3_ENDPOINT"], script) as line:
        runs = Runs(application, bucket, S3_ENDPOINT=line.endpoint, MIGRATION_MAX_ATTEMPTS="100")
        result = runs.drain(uploader, Stop(), concurrency=16, seconds=500)
    assert result is not None, "it did not go on by itself"
    runs.check()
    kept = application.all("select object_key from mailvault.part order by object_key")
    assert len(kept) == uploads
    assert bucket.listing() == sorted(key for (key,) in kept), "one object for each, and no other"
    assert set(line.writes().values()) == {1}
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)
    marked = application.one("select count(*) from emails where is_migrated")
    assert marked == application.one("select count(*) from emails")
    kinds = {one.status if isinstance(one, Answer) else one for one in FAULTS}
    assert line.done.keys() == kinds | {FAILED_COMPLETION.status}, (
        "each kind of fault came to pass"
    )
    assert sum(line.done.values()) == script.due
