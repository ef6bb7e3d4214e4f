"""Giving way: fewer jobs first, then none; more again once all is calm."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailvault.hours import Hours
from mailvault.worker.gentle import POLL, Gentle, Limits, Signals


class World:
    """A database whose signals are set by hand, and two clocks."""

    def __init__(self, **limits: object) -> None:
        self.now = 1000.0
        self.local = datetime.fromisoformat("2026-01-01T12:00")
        self.signals = Signals(0, 0, 0, 0)
        self.looks = 0
        self.gentle = Gentle(
            Limits(**limits),  # type: ignore[arg-type]
            self._look,
            lambda: self.now,
            lambda: self.local,
        )

    def _look(self) -> Signals:
        self.looks += 1
        return self.signals

    def follow(self, times: int = 1) -> list[float]:
        """What share there is after each of some looks."""
        shares = []
        for _ in range(times):
            self.gentle.follow()
            shares.append(self.gentle.share)
            self.now += POLL
        return shares


def test_without_limits_the_database_is_not_asked() -> None:
    world = World()
    assert world.follow(3) == [1, 1, 1]
    assert world.looks == 0


def test_it_is_asked_now_and_then() -> None:
    world = World(active_sessions=5)
    for _ in range(10):
        world.gentle.follow()
    assert world.looks == 1


def test_there_are_fewer_jobs_then_none_then_more_again() -> None:
    world = World(active_sessions=10)
    world.signals = Signals(0, 0, 11, 0)
    assert world.follow(5) == [0.5, 0.25, 0.125, 0, 0]
    assert world.gentle.hold is not None
    assert world.gentle.hold.reason == "active_sessions"
    assert world.gentle.hold.message == "active sessions 11 > 10"
    world.signals = Signals(0, 0, 9, 0)
    assert world.follow(2) == [0, 0]  # no longer over, and not calm yet
    world.signals = Signals(0, 0, 8, 0)
    assert world.follow(5) == [0.125, 0.25, 0.5, 1, 1]
    assert world.gentle.hold is None


def test_lag_is_told_by_what_the_replica_lacks_and_for_how_long() -> None:
    world = World(replica_lag=12)
    world.signals = Signals(100, 100, 0, 0)
    assert world.follow() == [1]
    world.signals = Signals(200, 150, 0, 0)  # stands still from here on
    assert world.follow(5) == [1, 1, 1, 0.5, 0.25]
    assert world.gentle.hold is not None
    assert world.gentle.hold.message == "replica lag 20 s > 12 s"
    world.signals = Signals(300, 290, 0, 0)
    assert world.follow(2) == [0.5, 1]


def test_a_replica_that_cannot_be_seen_holds() -> None:
    world = World(replica_lag=10)
    world.signals = Signals(100, None, 0, 0)
    assert world.follow(4) == [0.5, 0.25, 0.125, 0]
    assert world.gentle.hold is not None
    assert "is not known (grant pg_monitor" in world.gentle.hold.message


def test_all_that_is_over_its_limit_is_named() -> None:
    world = World(active_sessions=1, archive_backlog=3)
    world.signals = Signals(0, 0, 2, 4)
    world.follow()
    assert world.gentle.hold is not None
    assert world.gentle.hold.message == "archive backlog 4 files > 3 files; active sessions 2 > 1"


def test_slow_claims_are_forgotten_with_time() -> None:
    world = World(claim_latency=0.1)
    world.gentle.note_claim(0.2)
    assert world.follow(4) == [0.5, 0.25, 0.125, 0]
    assert world.follow(7)[-1] > 0


def test_outside_its_hours_nothing_is_done() -> None:
    world = World(window=Hours.parse("13:00-14:00"))
    assert world.follow() == [0]
    assert world.gentle.hold is not None
    assert world.gentle.hold.reason == "window"
    world.local += timedelta(hours=1)
    assert world.follow(5) == [0.125, 0.25, 0.5, 1, 1]
    world.local += timedelta(hours=1)
    assert world.follow() == [0]
