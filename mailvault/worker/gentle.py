"""Gives way to whatever else the database and its replicas have to do."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mailvault.hours import ALWAYS, Hours
from mailvault.queue.outbox import Hold
from mailvault.worker.throttle import local_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

POLL = 5.0
"""Seconds between two looks."""

LEAST = 1 / 8
"""Of the usual jobs in hand; half of it is none."""

CALM = 0.8
"""Of a limit: below it there may be more again."""

REMEMBERED = 3600.0
"""Seconds of lag that can be told; it may be more."""

RECENT = 30.0
"""Seconds for which a claim's time tells how the database is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What must not be exceeded; None where it may be.

    Attributes:
        window: When to work at all.
        replica_lag: Seconds that a replica may be behind.
        archive_backlog: Files of WAL that may wait to be archived.
        active_sessions: Sessions of others that may be busy.
        claim_latency: Seconds that a claim may take.
    """

    window: Hours = ALWAYS
    replica_lag: float | None = None
    archive_backlog: int | None = None
    active_sessions: int | None = None
    claim_latency: float | None = None

    @property
    def asks_the_database(self) -> bool:
        """Whether there is one that PostgreSQL must be asked for."""
        wanted = (self.replica_lag, self.archive_backlog, self.active_sessions)
        return any(limit is not None for limit in wanted)


class Signals(NamedTuple):
    """What PostgreSQL says: positions are bytes of WAL; None is what it does not say."""

    position: int
    replayed: int | None
    active_sessions: int
    archive_backlog: int | None


class _Reading(NamedTuple):
    signal: str
    observed: float | None
    limit: float
    unit: str

    @property
    def is_over(self) -> bool:
        # What is not known of a replica may be anything.
        return self.observed is None or self.observed > self.limit

    @property
    def is_calm(self) -> bool:
        return self.observed is not None and self.observed <= CALM * self.limit

    def __str__(self) -> str:
        name = self.signal.replace("_", " ")
        if self.observed is None:
            return f"{name} is not known (grant pg_monitor, or see whether the replica streams)"
        return f"{name} {self.observed:.4g}{self.unit} > {self.limit:.4g}{self.unit}"


class Gentle:
    """Says how many of the usual jobs a worker should have in hand.

    Over a limit there are half as many at each look, and in the end none; when all is calm there
    are twice as many again. It never ends the work.

    Attributes:
        share: Of the usual jobs in hand; 0 is to stop until it is more again.
        hold: Why it is less than 1.
    """

    def __init__(
        self,
        limits: Limits,
        look: Callable[[], Signals],
        clock: Callable[[], float] = time.monotonic,
        local_time: Callable[[], datetime] = local_time,
    ) -> None:
        self.share = 1.0
        self.hold: Hold | None = None
        self._limits = limits
        self._look = look
        self._clock = clock
        self._local_time = local_time
        self._look_at = 0.0
        self._positions: deque[tuple[float, int]] = deque(maxlen=round(REMEMBERED / POLL))
        self._claims: deque[tuple[float, float]] = deque(maxlen=20)

    def note_claim(self, seconds: float) -> None:
        """Take down how long a claim took."""
        if self._limits.claim_latency is not None:
            self._claims.append((self._clock(), seconds))

    def follow(self) -> None:
        """Look, if it is time, and decide.

        Raises:
            psycopg.Error: PostgreSQL does not answer.
        """
        if not self._limits.window.include(self._local_time()):
            self.share = 0.0
            self.hold = Hold("window", f"work is to be done at {self._limits.window.text}")
            self._look_at = 0.0
            return
        now = self._clock()
        if now < self._look_at:
            return
        readings = list(self._readings(now))
        self._look_at = now + POLL
        over = [reading for reading in readings if reading.is_over]
        if over:
            self.share = self.share / 2 if self.share > LEAST else 0.0
            self.hold = Hold(over[0].signal, "; ".join(map(str, over)))
        elif all(reading.is_calm for reading in readings):
            self.share = min(1.0, max(2 * self.share, LEAST))
            if self.share == 1:
                self.hold = None

    def _readings(self, now: float) -> Iterator[_Reading]:
        limits = self._limits
        if limits.asks_the_database:
            signals = self._look()
            if limits.replica_lag is not None:
                lag = self._lag(now, signals)
                yield _Reading("replica_lag", lag, limits.replica_lag, " s")
            if limits.archive_backlog is not None:
                backlog = signals.archive_backlog
                yield _Reading("archive_backlog", backlog, limits.archive_backlog, " files")
            if limits.active_sessions is not None:
                active = signals.active_sessions
                yield _Reading("active_sessions", active, limits.active_sessions, "")
        if limits.claim_latency is not None:
            recent = [seconds for at, seconds in self._claims if at >= now - RECENT]
            yield _Reading("claim_latency", max(recent, default=0.0), limits.claim_latency, " s")

    def _lag(self, now: float, signals: Signals) -> float | None:
        """Return for how long the replica has lacked what was written.

        Its own measure of it stands still where the replica does.
        """
        self._positions.append((now, signals.position))
        replayed = signals.replayed
        if replayed is None:
            return None
        return next((now - at for at, position in self._positions if position > replayed), 0.0)
