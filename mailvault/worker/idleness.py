"""How long a worker without work waits before it looks for some."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

FIRST_POLL = 1.0
"""Seconds after which a worker that has just become idle looks for jobs without having been told:
what was enqueued before it was seen to be idle came without a hint."""

POLL = 5.0
"""Seconds after which it looks again, and again: for what is due, and for hints that were lost."""

DRAIN_POLL = 0.05
"""Seconds after which one that drains looks first whether others are done with what they have in
hand, of which nobody tells; then after twice as long each time, up to `FIRST_POLL`."""


class Idleness:
    """Whether a worker is idle, and since when."""

    def __init__(
        self,
        changed: threading.Event,
        *,
        drain: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set `changed` at once when it becomes idle or busy.

        Who enqueues mail sends a hint only where it sees somebody idle.
        """
        self._changed = changed
        self._drain = drain
        self._clock = clock
        self._since: float | None = None

    def __bool__(self) -> bool:
        """Whether it is idle."""
        return self._since is not None

    def begin(self) -> float:
        """Be idle, or go on to be; return after how many seconds to look for work again."""
        now = self._clock()
        is_new = self._since is None
        if self._since is None:
            self._since = now
            self._changed.set()
        if self._drain:
            return min(FIRST_POLL, max(DRAIN_POLL, now - self._since))
        return FIRST_POLL if is_new else POLL

    def end(self) -> None:
        """Be busy."""
        if self._since is not None:
            self._since = None
            self._changed.set()
