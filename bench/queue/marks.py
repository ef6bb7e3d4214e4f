"""How a worker of any contender tells how far it is; it needs nothing but Python.

It prints `ready` when all is imported and connected, begins when a line comes in, and then prints
the monotonic clock and the jobs that it has done, every 20 ms or so.
"""

from __future__ import annotations

import sys
import time

INTERVAL = 0.02


class Marks:
    """Counts jobs, and prints the count now and then."""

    def __init__(self) -> None:
        self._done = 0
        self._due = 0.0

    def wait_for_start(self) -> None:
        """Say that this worker could begin, and wait until it may."""
        print("ready", flush=True)
        sys.stdin.readline()
        self.done(0)

    def done(self, jobs: int) -> None:
        """Count jobs that are done."""
        self._done += jobs
        now = time.monotonic()
        if now >= self._due:
            print(now, self._done, flush=True)
            self._due = now + INTERVAL

    def end(self) -> None:
        """Print the last count."""
        print(time.monotonic(), self._done, flush=True)
