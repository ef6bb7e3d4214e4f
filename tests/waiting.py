"""Waiting for a condition, with an end to it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

POLL = 0.02


def wait_until(condition: Callable[[], object], what: str, timeout: float = 60) -> None:
    """Return as soon as the condition is true; fail if it does not come true in time."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout} s in vain: {what}"
        pause.wait(POLL)
