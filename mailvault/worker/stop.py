"""How a worker is asked to end: by an order or a signal gracefully, by a second signal at once."""

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
        self._signals = 0

    def request(self) -> None:
        """Ask for the end; to ask again changes nothing."""
        if not self.requested.is_set():
            self._deadline = time.monotonic() + self._grace
            self.requested.set()

    def heed(self) -> None:
        """Take a signal: the first asks for the end, the second for it at once."""
        self._signals += 1
        self.request()

    @property
    def was_asked(self) -> bool:
        """Whether a signal asked for the end."""
        return self._signals > 0

    @property
    def at_once(self) -> bool:
        """Whether the grace time is over, or was cut short."""
        return self._signals > 1 or time.monotonic() >= self._deadline

    def listen_to_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for the end."""

        def handle(_signal: int, _frame: FrameType | None) -> None:
            self.heed()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)
