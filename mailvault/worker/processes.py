"""Several worker processes on one machine, started, started anew and ended together."""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from mailvault.db import explain
from mailvault.errors import ConfigError, MailvaultError
from mailvault.worker.backoff import Backoff
from mailvault.worker.process import Parent, run_worker
from mailvault.worker.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from mailvault.config import Settings
    from mailvault.worker.options import WorkOptions

log = logging.getLogger(__name__)

WATCH = 0.2
"""Seconds between looks at the processes."""

SPENT = "spent"
"""What a process says at its end that did what it may, and makes room for a fresh one."""

FOR_GOOD = "for good"
"""What one says that ended by order, has nothing left to do, or is wrongly configured."""

GAVE_UP = "gave up"
"""What one says that met a fault, or was too large before it did anything. One that crashed says
nothing."""


def run_processes(  # noqa: PLR0913  # a command's options
    settings: Settings,
    options: WorkOptions,
    stop: Stop,
    count: int,
    setup: Callable[[], None],
    *,
    restart: bool = False,
) -> int:
    """Run `count` workers, each in a process of its own; return the worst of their exit codes.

    Spawned and not forked: the uploader's threads would not survive a fork. `setup` is called
    first in each of them. With `restart`, one that crashed or is spent is replaced.
    """
    here = Parent(os.getpid(), time.monotonic())
    seats = [
        Seat(f"worker-{number}", _child, (settings, options, setup, here))
        for number in range(1, count + 1)
    ]
    return Supervisor(seats, stop, restart=restart).run()


class Supervisor:
    """Keeps seats taken until all are over, and tells their processes when they shall end."""

    def __init__(self, seats: list[Seat], stop: Stop, *, restart: bool) -> None:
        self._seats = seats
        self._stop = stop
        self._restart = restart
        self._told = 0
        self._told_at = float("-inf")

    def run(self) -> int:
        """Return the worst of the exit codes, of each seat's last process."""
        for seat in self._seats:
            seat.start()
        while living := [seat for seat in self._seats if not seat.is_over]:
            sentinels = [seat.process.sentinel for seat in living if seat.process.is_alive()]
            multiprocessing.connection.wait(sentinels, WATCH)
            self._tell(living)
            for seat in living:
                seat.look(restart=self._restart and not self._stop.requested.is_set())
        return max(seat.exit_code for seat in self._seats)

    def _tell(self, living: list[Seat]) -> None:
        """Pass a request on, one at a time: of two signals at once a process sees only one."""
        urgency = 2 if self._stop.at_once else 1 if self._stop.requested.is_set() else 0
        now = time.monotonic()
        if self._told == urgency or now < self._told_at + WATCH:
            return
        for seat in living:
            if seat.process.is_alive():
                seat.process.terminate()
        self._told += 1
        self._told_at = now


class Seat:
    """A place for one process, and for one after the other where they are started anew.

    Each calls `target` with a pipe for its last words and with the arguments.

    Attributes:
        process: The one that has it.
        is_over: Whether it stays empty.
    """

    process: SpawnProcess

    def __init__(
        self, name: str, target: Callable[..., None], arguments: tuple[object, ...]
    ) -> None:
        self._name = name
        self._target = target
        self._arguments = arguments
        self._backoff = Backoff()
        self._start_at: float | None = None
        self.is_over = False

    def start(self) -> None:
        """Start a process."""
        context = multiprocessing.get_context("spawn")
        self._last_words, mouth = context.Pipe(duplex=False)
        self.process = context.Process(
            target=self._target, args=(mouth, *self._arguments), name=self._name
        )
        self.process.start()
        mouth.close()  # else its end would not show here
        self._started_at = time.monotonic()
        self._start_at = None

    def look(self, *, restart: bool) -> None:
        """See whether the process has ended, and start the next one when it is time."""
        if self.process.is_alive():
            return
        said = self._listen() if self._start_at is None else ""
        if not restart or said == FOR_GOOD:
            self.is_over = True
        elif self._start_at is None:
            self._plan(said)
        elif time.monotonic() >= self._start_at:
            self.start()

    def _plan(self, said: str) -> None:
        now = time.monotonic()
        delay = 0.0 if said == SPENT else self._backoff.after(now - self._started_at)
        self._start_at = now + delay
        if said != SPENT:
            log.error(
                "%s (pid %d) ended with code %d; the next one starts in %.0f s",
                self._name, self.process.pid, self.process.exitcode, delay,
            )  # fmt: skip

    def _listen(self) -> str:
        try:
            return str(self._last_words.recv()) if self._last_words.poll() else ""
        except EOFError:
            return ""
        finally:
            self._last_words.close()

    @property
    def exit_code(self) -> int:
        """The last process's; 1 if it was killed: what it had in hand is taken back by others."""
        code = self.process.exitcode
        if code == -signal.SIGTERM:  # which kills only one that has not begun
            return 0
        return code if code is not None and code >= 0 else 1


def _child(
    mouth: Connection,
    settings: Settings,
    options: WorkOptions,
    setup: Callable[[], None],
    parent: Parent,
) -> None:
    stop = Stop()
    stop.listen_to_signals()
    # A Ctrl-C goes to the whole group: the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup()
    code, said = _work(settings, options, stop, parent)
    with suppress(BrokenPipeError):  # the parent is gone
        mouth.send(said)
    raise SystemExit(code)


def _work(settings: Settings, options: WorkOptions, stop: Stop, parent: Parent) -> tuple[int, str]:
    """Run a worker; return its exit code and its last words."""
    try:
        result = run_worker(settings, options, stop, parent=parent)
    except (psycopg.Error, MailvaultError) as error:
        ours = explain(error) if isinstance(error, psycopg.Error) else error
        log.error("%s", ours)  # noqa: TRY400  # one line, no traceback
        return ours.exit_code, FOR_GOOD if isinstance(ours, ConfigError) else GAVE_UP
    worked = result.processed or result.dead
    said = FOR_GOOD if not result.spent else SPENT if worked else GAVE_UP
    return 1 if result.dead else 0, said
