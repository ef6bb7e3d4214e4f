"""What a request of boto3 waits for before it is sent, as in `pace.rs`."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from mailvault.store.bucket import TokenBucket
from mailvault.store.pace import PACE
from mailvault.store.window import Sign, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.store.pace import Pace


class Slot(NamedTuple):
    """A request's place among those at the store, and since when."""

    entered: int
    since: float
    size: int


class Pacer:
    """The bandwidth and the window of all threads of an uploader."""

    def __init__(
        self, ceiling: int, pace: Pace = PACE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        now = clock()
        self._small = pace.small
        self._clock = clock
        self._window = Window(pace, ceiling, now)
        self._gate = threading.Condition()
        self._bucket = TokenBucket(pace.burst, now)
        self._line = threading.Condition()
        self._first_in_line = threading.Lock()

    def window(self) -> tuple[int, int, str | None]:
        """Return the window, its ceiling, and why it is smaller than that."""
        with self._gate:
            return self._window.size, self._window.ceiling, self._window.trouble(self._clock())

    def limit(self, bytes_per_second: int | None) -> None:
        """Send so many bytes a second from now on, or as many as there are."""
        with self._line:
            self._bucket.limit(bytes_per_second, self._clock())
            self._line.notify_all()

    def enter(self, size: int) -> Slot:
        """Wait until so many bytes may be sent, and a request may."""
        if size:
            self._pay(size)
        with self._gate:
            self._gate.wait_for(lambda: self._window.has_room)
            return Slot(self._window.enter(), self._clock(), size)

    def _pay(self, size: int) -> None:
        with self._first_in_line, self._line:
            while wait := self._bucket.take(size, self._clock()):
                self._line.wait(wait)

    def leave(self, slot: Slot, sign: Sign) -> float:
        """Tell what became of a request; return how long it took."""
        now = self._clock()
        took = now - slot.since
        with self._gate:
            small = slot.size <= self._small
            self._window.leave(slot.entered, sign, took if small else None, now)
            self._gate.notify_all()
        return took
