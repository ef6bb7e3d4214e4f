"""How many requests may be at the store at once: as many as it takes well; as in `window.rs`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailvault.store.pace import Pace


class Sign(Enum):
    """What became of a request."""

    ANSWERED = "answered"
    BUSY = "store_busy"
    """The store asks us to slow down."""
    LATE = "late"
    """It was not answered in time."""
    LOST = "lost"
    """It says nothing about the load: it failed."""


@dataclass(slots=True)
class _Round:
    answers: int = 0
    timed: int = 0
    slow: int = 0
    was_full: bool = False


class Window:
    """Doubles until the first trouble, then climbs by one a round; falls by half or a tenth.

    What was sent before a fall says nothing about the time after it, so that one burst of
    refusals is one fall. Rising latency may have other reasons than what we send: it never takes
    the window below a quarter of the ceiling.
    """

    def __init__(self, pace: Pace, ceiling: int, now: float) -> None:
        self.ceiling = ceiling
        self.size = max(1, min(pace.start, ceiling))
        self._pace = pace
        self._in_flight = 0
        self._doubling = True
        self._falls = 0
        self._last_fall = ("", -inf)
        self._round = _Round()
        self._shortest = _Shortest(pace.memory, now)

    @property
    def has_room(self) -> bool:
        """Whether one more request may be sent."""
        return self._in_flight < self.size

    def trouble(self, now: float) -> str | None:
        """Why the window is smaller than it might be, where it fell a short time ago."""
        trouble, at = self._last_fall
        return trouble if now < at + self._pace.calm else None

    def enter(self) -> int:
        """Note that a request is sent; return what `leave` wants to know."""
        self._in_flight += 1
        self._round.was_full |= self._in_flight >= self.size
        return self._falls

    def leave(self, entered: int, sign: Sign, latency: float | None, now: float) -> None:
        """Note what became of a request, with its latency where that can be compared."""
        self._in_flight -= 1
        if entered != self._falls or sign is Sign.LOST:
            return
        if sign is Sign.BUSY:
            self._fall(self.size // 2, sign.value, now)
            return
        self._round.answers += 1
        if sign is Sign.LATE:
            self._round.timed += 1
            self._round.slow += 1
        elif latency is not None:
            shortest = self._shortest.note(latency, now)
            self._round.timed += 1
            self._round.slow += latency > max(2 * shortest, shortest + self._pace.slow)
        if self._round.answers >= max(self.size, self._pace.shortest_round):
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        # More than half of a round is its median: neither one slow answer nor a fast one decides.
        ended, self._round = self._round, _Round()
        if ended.slow * 2 > ended.timed:
            least = max(1, self.ceiling // 4)
            if self.size > least:
                self._fall(max(least, self.size * 9 // 10), "latency", now)
        elif ended.was_full:
            self.size = min(self.ceiling, self.size + (self.size if self._doubling else 1))

    def _fall(self, size: int, trouble: str, now: float) -> None:
        self.size = max(1, size)
        self._doubling = False
        self._falls += 1
        self._last_fall = (trouble, now)
        self._round = _Round()


class _Shortest:
    """The shortest latency of late, forgotten by halves: the way to a store may change."""

    def __init__(self, memory: float, since: float) -> None:
        self._memory = memory
        self._since = since
        self._before = self._now = inf

    def note(self, latency: float, now: float) -> float:
        if now >= self._since + self._memory:
            self._before, self._now, self._since = self._now, inf, now
        self._now = min(self._now, latency)
        return min(self._before, self._now)
