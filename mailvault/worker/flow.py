"""How many jobs a worker holds, so that small claims do not keep a fast store waiting."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

AHEAD = 4
"""Jobs held for each one that may be in upload, at the least: read ahead, or waiting to be
settled."""

LEAD = 0.25
"""Seconds of work that are held where that is more."""

MOST = 1000
"""Jobs held at the most: nobody else can do them meanwhile."""


class Flow:
    """Follows how many jobs are done in a second.

    Attributes:
        hold: Jobs to hold.
        share: Of these, how many are wanted; from 0 to 1.
        limit: Jobs that may be in upload at once; None for as many as the concurrency says.
    """

    def __init__(self, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._least = AHEAD * concurrency
        self._most = max(MOST, self._least)
        self._clock = clock
        self._since = clock()
        self._done = 0
        self.hold = self._least
        self.share = 1.0
        self.limit: int | None = None

    @property
    def is_closed(self) -> bool:
        """Whether nothing is wanted."""
        return not self.share or self.limit == 0

    def note(self, done: int) -> None:
        """Take down that jobs were done."""
        self._done += done
        elapsed = self._clock() - self._since
        if elapsed >= LEAD:
            wanted = self._done / elapsed * LEAD
            self.hold = max(self._least, min(self._most, round((self.hold + wanted) / 2)))
            self._since += elapsed
            self._done = 0

    def room(self, in_hand: int) -> int:
        """How many jobs to claim; none before it is worth a claim, which costs what it costs."""
        most = self.hold if self.limit is None else min(self.hold, AHEAD * self.limit)
        hold = round(most * self.share)
        room = hold - in_hand
        return room if room >= hold // AHEAD or not in_hand else 0
