"""The worker processes of one run, each restarted when it ends, as a supervisor would."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.fault.seeds.member import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault.seeds.plan import Plan

RESTART = 0.2
"""Seconds after which a worker that ended is started again."""

GRACE = 15.0
"""Seconds in which a worker that was asked to end must have done so."""

ENDED, UNREACHABLE = {0, 1, -signal.SIGTERM}, 3
"""Exit codes of a worker that was asked to end: without and with dead letters, and before it was
there to listen; and of one that found no server when it started."""


class Crew:
    """Keeps as many workers as planned; `logs` are theirs."""

    def __init__(self, plan: Plan, environment: dict[str, str], directory: Path) -> None:
        self._plan = plan
        self._environment = environment
        self.log = directory / "workers.log"
        self.members = [self._start(number) for number in range(len(plan.workers))]
        self._ended_at: dict[int, float] = {}
        self._killed: set[int] = set()
        self.started = len(self.members)

    def member(self, victim: int) -> Worker:
        """The worker that a fault is meant for."""
        return self.members[victim % len(self.members)]

    def kill(self, worker: Worker) -> bool:
        """Kill -9; whether it was alive."""
        alive = worker.lives
        self._killed.add(worker.pid)
        worker.signal(signal.SIGKILL)
        worker.wait(GRACE)
        return alive

    def tend(self) -> None:
        """Start again who ended; complain of who ended otherwise than it should."""
        now = time.monotonic()
        for number, worker in enumerate(self.members):
            if worker.lives:
                continue
            self._check_exit(worker)
            if now - self._ended_at.setdefault(number, now) >= RESTART:
                del self._ended_at[number]
                self.members[number] = self._start(number)
                self.started += 1

    def _check_exit(self, worker: Worker) -> None:
        code = worker.wait(0)
        if worker.pid not in self._killed:
            assert code in ENDED | {UNREACHABLE}, f"worker {worker.pid} ended with {code}"

    def dismiss(self) -> None:
        """Ask all to end; make sure that they end well."""
        for worker in self.members:
            worker.signal(signal.SIGTERM)
        for worker in self.members:
            worker.wait(GRACE)
            self._check_exit(worker)

    def abandon(self) -> None:
        """End all that are left, whatever they do."""
        for worker in self.members:
            self.kill(worker)

    def _start(self, number: int) -> Worker:
        plan = self._plan
        return Worker(
            plan.workers[number], self._environment, self.log, default_clock=plan.default_clock
        )
