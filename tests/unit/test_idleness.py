"""How long a worker without work waits, on a clock of our own."""

from __future__ import annotations

import threading

import pytest

from mailvault.worker.idleness import DRAIN_POLL, FIRST_POLL, POLL, Idleness


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _waits(idleness: Idleness, clock: _Clock, count: int) -> list[float]:
    waits = []
    for _ in range(count):
        waits.append(idleness.begin())
        clock.now += waits[-1]
    return waits


def test_it_looks_soon_for_what_came_without_a_hint_and_then_seldom() -> None:
    clock = _Clock()
    idleness = Idleness(threading.Event(), drain=False, clock=clock)
    assert _waits(idleness, clock, 3) == [FIRST_POLL, POLL, POLL]
    idleness.end()
    assert _waits(idleness, clock, 2) == [FIRST_POLL, POLL]


def test_who_drains_sees_soon_that_others_are_done_and_does_not_ask_all_the_time() -> None:
    clock = _Clock()
    idleness = Idleness(threading.Event(), drain=True, clock=clock)
    waits = _waits(idleness, clock, 9)
    assert waits[:3] == pytest.approx([DRAIN_POLL, DRAIN_POLL, 2 * DRAIN_POLL])
    assert waits[-1] == FIRST_POLL
    # Nobody waits for longer than it took the others to be done.
    assert all(wait <= max(DRAIN_POLL, sum(waits[:place])) for place, wait in enumerate(waits))
    idleness.end()
    assert idleness.begin() == DRAIN_POLL


def test_the_change_is_told_once() -> None:
    changed = threading.Event()
    idleness = Idleness(changed, drain=False)
    assert not idleness
    for change in (idleness.begin, idleness.end):
        change()
        assert changed.is_set()
        changed.clear()
        change()
        assert not changed.is_set()
    idleness.begin()
    assert idleness
