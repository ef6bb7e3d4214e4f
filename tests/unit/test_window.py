"""The window and the bandwidth of the boto3 uploader, as the extension's tests have them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mailvault.store.bucket import TokenBucket
from mailvault.store.pace import PACE
from mailvault.store.pacer import Pacer
from mailvault.store.window import Sign, Window

if TYPE_CHECKING:
    from collections.abc import Callable


class Store:
    """Answers rounds of as many requests as the window lets through."""

    def __init__(self, ceiling: int) -> None:
        self.now = 0.0
        self.window = Window(PACE, ceiling, self.now)

    def answer(self, sign: Sign, latency: Callable[[int], float]) -> int:
        self.now += 0.02
        sent = [self.window.enter() for _ in range(self.window.size)]
        for number, entered in enumerate(sent):
            self.window.leave(entered, sign, latency(number), self.now)
        return self.window.size

    def round(self, latency: float = 0.02) -> int:
        return self.answer(Sign.ANSWERED, lambda _: latency)

    def busy(self) -> int:
        return self.answer(Sign.BUSY, lambda _: 0.02)


def test_it_doubles_to_the_ceiling_where_nothing_is_wrong() -> None:
    store = Store(200)
    assert [store.round() for _ in range(5)] == [32, 64, 128, 200, 200]
    assert Store(4).round() == 4


def test_a_burst_of_refusals_is_one_fall() -> None:
    store = Store(16)
    assert [store.busy() for _ in range(6)] == [8, 4, 2, 1, 1, 1]
    assert store.window.trouble(store.now) == "store_busy"
    assert store.window.trouble(store.now + PACE.calm) is None


def test_after_a_fall_it_climbs_by_one_a_round() -> None:
    store = Store(16)
    store.busy()
    assert [store.round() for _ in range(9)] == [9, 10, 11, 12, 13, 14, 15, 16, 16]


def test_it_does_not_grow_where_it_is_not_used() -> None:
    store = Store(64)
    for _ in range(100):
        store.window.leave(store.window.enter(), Sign.ANSWERED, None, store.now)
    assert store.window.size == 16


def test_rising_latency_takes_it_to_a_quarter_of_the_ceiling() -> None:
    store = Store(64)
    store.round()
    assert store.round() == 64
    assert store.round(1.5) == 57
    assert store.window.trouble(store.now) == "latency"
    for _ in range(100):
        store.round(1.5)
    assert store.window.size == 16
    assert store.round() == 17


def test_latency_that_stays_is_the_new_shortest() -> None:
    store = Store(64)
    for latency in [0.02, *[1.5] * 20]:
        store.round(latency)
    assert store.window.size == 16
    for _ in range(2):
        store.now += PACE.memory
        store.round(1.5)
    assert store.window.size == 17


def test_neither_noise_nor_a_fast_store_under_load_is_trouble() -> None:
    store = Store(64)
    store.round(0.001)
    assert store.round(0.9) == 64
    assert store.answer(Sign.ANSWERED, lambda number: 0.02 if number % 3 else 5.0) == 64


def test_over_a_time_bytes_go_at_the_rate() -> None:
    bucket = TokenBucket(0.1, 0)
    bucket.limit(1000, 0)
    sent = 0
    for millisecond in range(10_000):
        while not bucket.take(10, millisecond // 3 * 3 / 1000):
            sent += 10
    assert 10_000 <= sent <= 10_110


def test_a_new_rate_holds_for_what_is_owed() -> None:
    bucket = TokenBucket(0, 0)
    bucket.limit(1000, 0)
    assert bucket.take(10_000, 0) == 0
    bucket.limit(10_000, 0)
    assert bucket.take(1, 0) == pytest.approx(1)
    bucket.limit(None, 0)
    assert bucket.take(1, 0) == 0


def test_as_many_are_let_in_as_the_window_says() -> None:
    pacer = Pacer(2)
    first, second = pacer.enter(0), pacer.enter(0)
    inside = threading.Event()

    def enter() -> None:
        pacer.enter(0)
        inside.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    pacer.leave(first, Sign.BUSY)  # there is room for one now, which is taken
    assert pacer.window() == (1, 2, "store_busy")
    assert not inside.is_set()
    pacer.leave(second, Sign.BUSY)
    assert inside.wait(10)
    waiting.join()


def test_a_new_limit_is_told_to_who_waits() -> None:
    pacer = Pacer(4)
    pacer.limit(1)
    pacer.enter(1_000_000)
    waiting = threading.Thread(target=pacer.enter, args=(1,))
    waiting.start()
    assert waiting.is_alive()
    pacer.limit(None)
    waiting.join(10)
    assert not waiting.is_alive()
