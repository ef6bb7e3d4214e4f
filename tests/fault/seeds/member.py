"""A worker process as the fault runs start it: forked from one that has imported everything.

Most of a worker's second of start-up is imports, which hundreds of runs need not pay. The fork is
made before any thread or runtime starts; from there on it is the program's own child process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from mailvault.worker.options import WorkOptions
from mailvault.worker.process import Parent
from mailvault.worker.processes import _child
from tests.settings import settings_of

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from pathlib import Path

    from tests.fault.seeds.plan import WorkerPlan

SHORTENED: dict[str, object] = {
    "mailvault.worker.heart.BEAT": 0.8,
    "mailvault.worker.heart.STALE": timedelta(seconds=5),
    "mailvault.worker.patience.LONGEST_WAIT": 1.0,
    "mailvault.worker.breaker.FIRST_WAIT": 0.1,
    "mailvault.worker.breaker.LONGEST_WAIT": 1.0,
    "mailvault.worker.settle.POSTPONED": 0.5,
    "mailvault.worker.stop.GRACE": 3.0,
}
"""The intervals that are no settings, cut to a quarter or less, so that a run is short."""


class Worker:
    """One worker process, and what becomes of it."""

    def __init__(
        self, plan: WorkerPlan, environment: dict[str, str], log: Path, *, default_clock: bool
    ) -> None:
        self._process: ForkServerProcess = _context().Process(
            target=_work, args=(plan, environment, str(log), default_clock)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def lives(self) -> bool:
        """Whether the process is there, stopped or not."""
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        """Send a signal, if the process is there to have it."""
        with suppress(ProcessLookupError):
            if self._process.is_alive():
                os.kill(self.pid, number)

    def wait(self, timeout: float) -> int | None:
        """Wait for its end; return the exit code, or None if it did not end."""
        self._process.join(timeout)
        return self._process.exitcode


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _work(plan: WorkerPlan, environment: dict[str, str], log: str, default_clock: bool) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    if not default_clock:
        for name, value in SHORTENED.items():
            module, _, attribute = name.rpartition(".")
            assert hasattr(import_module(module), attribute), f"{name} is not there any more"
            setattr(import_module(module), attribute, value)
    # The audit in the database tells workers apart by this name.
    dsn = make_conninfo(environment["DATABASE_URL"], application_name=str(os.getpid()))
    settings = settings_of(environment, database_url=dsn)
    _, mouth = multiprocessing.Pipe(duplex=False)  # nobody asks how it ended
    parent = Parent(os.getppid(), time.monotonic())
    _child(mouth, settings, WorkOptions(plan.concurrency, plan.uploader), _log, parent)  # type: ignore[arg-type]


def _log() -> None:
    logging.basicConfig(format=f"%(asctime)s {os.getpid()} %(message)s", level=logging.INFO)
