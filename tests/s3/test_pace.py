"""Both uploaders at a store that asks to slow down."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from mailvault.errors import StoreBusyError
from mailvault.store.options import boto_client
from mailvault.store.pacer import Pacer
from tests.s3.conftest import part
from tests.s3.fake_store import Answer, FakeStore

if TYPE_CHECKING:
    from mailvault.models import Outcome, Part
    from mailvault.store.uploader import Uploader
    from tests.conftest import Bucket
    from tests.s3.conftest import Uploads
    from tests.s3.fake_store import Request

CONCURRENCY = 16


class Crowd:
    """A script that counts who is inside, and is too busy for so many at first.

    It answers none of the first ones before all that may come at once have come, and takes its
    time with those that come next, so that whoever may come does.
    """

    DWELL = 0.05

    def __init__(self, busy: int) -> None:
        self.inside: list[int] = []
        self._busy = busy
        self._now = 0
        self._lock = threading.Lock()
        self._first = threading.Barrier(CONCURRENCY, timeout=60)

    def __call__(self, _: Request) -> Answer:
        with self._lock:
            self._now += 1
            self.inside.append(self._now)
            number = len(self.inside)
        if number <= CONCURRENCY:
            self._first.wait()
        elif number <= self._busy + 8:
            time.sleep(self.DWELL)
        with self._lock:
            self._now -= 1
        return Answer(503, "SlowDown") if number <= self._busy else Answer(200)


def parts(count: int) -> list[Part]:
    return [part(b"abc", key=f"a/{number}", number=number) for number in range(count)]


def upload(uploader: Uploader, count: int) -> list[Outcome]:
    uploader.submit(parts(count))
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        outcomes += uploader.completed(10)
    return outcomes


def test_a_store_that_asks_to_slow_down_is_asked_less(uploads: Uploads) -> None:
    crowd = Crowd(busy=40)
    with FakeStore(crowd) as store:
        uploader = uploads.open(concurrency=CONCURRENCY, changes={"s3_endpoint": store.address})
        assert uploader.window() == (CONCURRENCY, CONCURRENCY, None)
        outcomes = upload(uploader, 50)
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        assert max(crowd.inside[:CONCURRENCY]) == CONCURRENCY
        assert max(crowd.inside[CONCURRENCY:40]) <= CONCURRENCY // 2
        assert max(crowd.inside[40:48]) == 1
        assert uploader.window().trouble == "store_busy"
        while uploader.window().size < CONCURRENCY:
            upload(uploader, 50)


def test_it_is_left_alone_as_long_as_it_asks(uploads: Uploads) -> None:
    answers = iter([Answer(503, "SlowDown", headers={"Retry-After": "1"}), Answer(200)])
    with FakeStore(lambda _: next(answers)) as store:
        started = time.monotonic()
        assert uploads.store(part(b"abc"), s3_endpoint=store.address).created
        assert time.monotonic() - started >= 1
    assert len(store.requests) == 2


def test_what_would_take_too_long_is_not_waited_for(uploads: Uploads) -> None:
    with FakeStore(lambda _: Answer(503, headers={"Retry-After": "3600"})) as store:
        error = uploads.fail(part(b"abc"), s3_endpoint=store.address)
    assert isinstance(error, StoreBusyError)
    assert len(store.requests) == 1


@pytest.mark.slow
def test_bytes_go_no_faster_than_the_limit(uploads: Uploads) -> None:
    with FakeStore() as store:
        uploader = uploads.open(changes={"s3_endpoint": store.address})
        uploader.limit(60)
        started = time.monotonic()
        outcomes = upload(uploader, 20)  # of three bytes each
        assert time.monotonic() - started >= 0.8
        assert all(outcome.stored for outcome in outcomes)


def test_a_limit_that_is_lifted_lets_go_what_waits(uploads: Uploads) -> None:
    with FakeStore() as store:
        uploader = uploads.open(changes={"s3_endpoint": store.address})
        uploader.limit(1)
        uploader.submit(parts(40))  # two minutes
        uploader.limit(None)
        outcomes: list[Outcome] = []
        started = time.monotonic()
        while len(outcomes) < 40:
            outcomes += uploader.completed(10)
        assert time.monotonic() - started < 60


@pytest.mark.timeout(60)
def test_a_bucket_is_followed_to_its_region(bucket: Bucket) -> None:
    """botocore asks anew by itself then."""
    moved = Answer(301, headers={"x-amz-bucket-region": "eu-west-1"})
    answers = [moved, Answer(200)]
    pacer = Pacer(1)
    with FakeStore(lambda _: answers.pop(0)) as store:
        client = boto_client(bucket.settings(s3_endpoint=store.address), pacer=pacer)
        client.head_object(Bucket=bucket.name, Key="key")
        client.close()
    assert not answers
    pacer.enter(0)  # the one place is free again
