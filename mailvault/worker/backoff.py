"""How long to wait before something is started anew that does not keep running."""

from __future__ import annotations

FIRST = 1.0
LONGEST = 30.0
"""Seconds to wait after the first end; doubled after each further one, up to the longest."""

WELL = 60.0
"""Seconds of running after which all is forgotten."""


class Backoff:
    """Waits longer each time, until something has run well."""

    def __init__(self) -> None:
        self._delay = FIRST

    def after(self, ran: float) -> float:
        """Return the seconds to wait, after it ran for so many."""
        if ran >= WELL:
            self._delay = FIRST
        delay = self._delay
        self._delay = min(2 * delay, LONGEST)
        return delay
