"""Where a worker looks next: ahead, and now and then from the start."""

from __future__ import annotations

import pytest

from mailvault.queue.outbox import Lease
from mailvault.queue.position import SWEEP_EVERY, SWEEP_SHARE, Position


def jobs(*seen: tuple[int, int]) -> list[Lease]:
    return [Lease(job, "key", 1, priority, 1, "token") for priority, job in seen]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def position(clock: Clock) -> Position:
    """One that has swept once and has seen the jobs 1 to 3 of priority 5."""
    position = Position(clock)
    assert position.next() is None
    assert not position.note(jobs((5, 1), (5, 2), (5, 3)), missing=0)
    return position


def test_a_claim_begins_after_the_last_job_seen(position: Position) -> None:
    assert position.next() == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    position.note(jobs((1, 9), (5, 7), (5, 8)), missing=0)
    assert position.next() == [0, 9, 0, 0, 0, 8, 0, 0, 0, 0]


def test_it_never_goes_back(position: Position, clock: Clock) -> None:
    clock.now += SWEEP_EVERY
    assert position.next() is None
    position.note(jobs((5, 2), (5, 3), (5, 4)), missing=0)
    assert position.next() == [0, 0, 0, 0, 0, 4, 0, 0, 0, 0]


def test_a_busy_worker_sweeps_now_and_then(position: Position, clock: Clock) -> None:
    clock.now += SWEEP_EVERY - 0.1
    assert position.next() is not None
    position.note(jobs((5, 4), (5, 5), (5, 6)), missing=0)
    clock.now += 0.1
    assert position.next() is None


def test_a_claim_that_lacks_something_is_made_up_by_a_sweep(position: Position) -> None:
    position.next()
    assert position.note(jobs((5, 4)), missing=2)
    assert position.next() is None
    assert not position.note([], missing=2)


def test_a_sweep_full_of_old_jobs_is_followed_by_another(position: Position, clock: Clock) -> None:
    clock.now += SWEEP_EVERY
    position.next()
    position.note(jobs((5, 1), (5, 2), (5, 3)), missing=0)
    assert position.next() is None


def test_sweeps_take_no_more_than_their_share(position: Position, clock: Clock) -> None:
    clock.now += SWEEP_EVERY
    assert position.next() is None
    took = 2.0
    clock.now += took
    position.note([], missing=3)
    clock.now += took / SWEEP_SHARE - took - SWEEP_EVERY - 0.1
    assert position.next() is not None
    assert not position.note([], missing=3)
    clock.now += 0.2
    assert position.next() is None


def test_a_quick_sweep_may_be_repeated_at_once(position: Position, clock: Clock) -> None:
    clock.now += SWEEP_EVERY
    for _ in range(3):
        assert position.next() is None
        clock.now += 0.1
        position.note([], missing=3)
