"""How a worker is asked to end: once gracefully, twice at once."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

GRACE = 30.0
"""Seconds that uploads under way may take to end after the first request."""


class Stop:
    """Whether and how urgently the worker shall end."""

    def __init__(self, grace: float = GRACE) -> None:
        self.requested = threading.Event()
        self._grace = grace
        self._deadline = float("inf")
        self._signalled = False

    def request(self) -> None:
        """Ask for the end; the second time, ask for it at once."""
        now = time.monotonic()
        self._deadline = now if self.requested.is_set() else now + self._grace
        self.requested.set()

    @property
    def was_asked(self) -> bool:
        """Whether a signal asked for the end."""
        return self._signalled

    @property
    def at_once(self) -> bool:
        """Whether the grace time is over, or was cut short."""
        return time.monotonic() >= self._deadline

    def listen_to_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for the end."""

        def handle(_signal: int, _frame: FrameType | None) -> None:
            self._signalled = True
            self.request()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)
