"""How many jobs a worker holds."""

from __future__ import annotations

from mailvault.worker.flow import LEAD, MOST, Flow


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_slow_store_is_kept_busy_with_little() -> None:
    clock = Clock()
    flow = Flow(16, clock)
    for _ in range(20):
        clock.now += 1
        flow.note(10)
    assert flow.hold == 64


def test_a_fast_one_gets_more_and_less_again() -> None:
    clock = Clock()
    flow = Flow(16, clock)
    for _ in range(20):
        clock.now += LEAD
        flow.note(200)
    assert flow.hold == 200
    for _ in range(20):
        clock.now += LEAD
        flow.note(1_000_000)
    assert flow.hold == MOST
    for _ in range(20):
        clock.now += LEAD
        flow.note(0)
    assert flow.hold == 64


def test_many_in_upload_need_more_than_the_most() -> None:
    assert Flow(4096, Clock()).hold == 4 * 4096


def test_a_claim_waits_until_it_is_worth_while() -> None:
    flow = Flow(16, Clock())
    assert flow.room(0) == 64
    assert flow.room(48) == 16
    assert flow.room(49) == 0
    assert flow.room(70) == 0
