"""Several worker processes on one machine, started, started anew and ended together."""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from mailvault.db import explain
from mailvault.errors import ConfigError, MailvaultError
from mailvault.worker.backoff import Backoff
from mailvault.worker.process import Parent, run_worker
from mailvault.worker.stop import GRACE, Stop

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

AT_WORK = "at work"
"""What one says as soon as it has found all that it needs."""

FOR_GOOD = "for good"
"""What one says that ended by order, or has nothing left to do."""

MISCONFIGURED = "misconfigured"
"""What one says that found a setting wrong, or what it names not there: for good, unless a worker
of the same command was at work before. Then it is a fault, as of a file server that is away."""

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
        Seat(f"worker-{number}", _child, (settings, options, setup, here), drains=options.drain)
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
        """Return the worst of the seats' exit codes."""
        try:
            self._supervise()
        except BaseException:
            self._abandon()
            raise
        return max(seat.exit_code for seat in self._seats)

    def _supervise(self) -> None:
        for seat in self._seats:
            seat.start()
        while living := [seat for seat in self._seats if not seat.is_over]:
            sentinels = [seat.process.sentinel for seat in living if seat.process and seat.lives]
            multiprocessing.connection.wait(sentinels, WATCH)
            self._tell(living)
            proven = any(seat.has_worked() for seat in self._seats)
            for seat in living:
                seat.look(
                    restart=self._restart, ending=self._stop.requested.is_set(), proven=proven
                )

    def _abandon(self) -> None:
        """Have all end, and wait for it: they would work on with nobody to tell them to stop."""
        processes = [seat.process for seat in self._seats if seat.process]
        for patience in (GRACE, None):
            for process in processes:
                process.terminate()
            for process in processes:
                process.join(patience)

    def _tell(self, living: list[Seat]) -> None:
        """Pass a request on, one at a time: of two signals at once a process sees only one."""
        urgency = 2 if self._stop.at_once else 1 if self._stop.requested.is_set() else 0
        now = time.monotonic()
        if self._told == urgency or now < self._told_at + WATCH:
            return
        for seat in living:
            if seat.process:
                seat.process.terminate()
        self._told += 1
        self._told_at = now


class Seat:
    """A place for one process, and for one after the other where they are started anew.

    Each calls `target` with a pipe for what it has to say, and with the arguments. Where it
    `drains`, what it is for is done by all of them together.

    Attributes:
        process: The one that has it, or had it last; None before there was one.
        is_over: Whether it stays empty.
    """

    def __init__(
        self,
        name: str,
        target: Callable[..., None],
        arguments: tuple[object, ...],
        *,
        drains: bool = False,
    ) -> None:
        self._name = name
        self._target = target
        self._arguments = arguments
        self._drains = drains
        self._backoff = Backoff()
        self._ears: Connection | None = None
        self._said = ""
        self._has_worked = False
        self._worst = 0
        self._start_at: float | None = None
        self.process: SpawnProcess | None = None
        self.is_over = False

    @property
    def lives(self) -> bool:
        """Whether there is a process that has not ended."""
        return self.process is not None and self.process.is_alive()

    def start(self) -> None:
        """Start a process, or plan the next try where the machine cannot."""
        context = multiprocessing.get_context("spawn")
        self._started_at = time.monotonic()
        try:
            ears, mouth = context.Pipe(duplex=False)
            with ExitStack() as opened, mouth:  # which is closed here, else its end would not show
                opened.enter_context(ears)
                process = context.Process(
                    target=self._target, args=(mouth, *self._arguments), name=self._name
                )
                process.start()
                opened.pop_all()
        except OSError as error:
            says = f"cannot be started: {error.strerror or error}; the next try is in"
            self._wait(says, self._backoff.after(0))
            return
        self.process, self._ears, self._start_at = process, ears, None
        self._said = ""

    def look(self, *, restart: bool, ending: bool, proven: bool) -> None:
        """See whether the process has ended, and start the next one when it is time.

        Args:
            restart: Whether there is to be a next one.
            ending: Whether all were told to end.
            proven: Whether this command is known to work as it is configured.
        """
        if self._start_at is not None:
            if ending:
                self.is_over = True
            elif time.monotonic() >= self._start_at:
                self.start()
        elif not self.lives:
            proven = self.has_worked() or proven
            for_good = self._said == FOR_GOOD or (self._said == MISCONFIGURED and not proven)
            self.is_over = ending or for_good or not restart
            if not self.is_over:
                self._plan()

    def _plan(self) -> None:
        assert self.process is not None
        if self._said == SPENT:
            self._worst = self.exit_code
            self._start_at = time.monotonic()
            return
        code = self.process.exitcode
        says = f"(pid {self.process.pid}) ended with code {code}; the next one starts in"
        self._wait(says, self._backoff.after(time.monotonic() - self._started_at))

    def _wait(self, says: str, seconds: float) -> None:
        log.error("%s %s %.0f s", self._name, says, seconds)
        self._start_at = time.monotonic() + seconds

    def has_worked(self) -> bool:
        """Hear what the process says; return whether one that sat here was ever at work."""
        with suppress(EOFError):
            while self._ears is not None and self._ears.poll():
                self._said = str(self._ears.recv())
                self._has_worked = self._has_worked or self._said == AT_WORK
        return self._has_worked

    @property
    def exit_code(self) -> int:
        """The last process's; where it drains, the worst of it and of those that were spent.

        It is 1 for one that was killed: what it had in hand is taken back by others.
        """
        code = self.process.exitcode if self.process else 0  # told before there could be one
        if code == -signal.SIGTERM:  # which kills only one that has not begun
            code = 0
        worst = self._worst if self._drains else 0
        return max(worst, code if code is not None and code >= 0 else 1)


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

    def say(words: str) -> None:
        with suppress(BrokenPipeError):  # the parent is gone
            mouth.send(words)

    code, said = _work(settings, options, stop, parent, say)
    say(said)
    raise SystemExit(code)


def _work(
    settings: Settings,
    options: WorkOptions,
    stop: Stop,
    parent: Parent,
    say: Callable[[str], None],
) -> tuple[int, str]:
    """Run a worker; return its exit code and its last words."""
    try:
        result = run_worker(settings, options, stop, parent=parent, at_work=partial(say, AT_WORK))
    except (psycopg.Error, MailvaultError) as error:
        ours = explain(error) if isinstance(error, psycopg.Error) else error
        words = f"{ours}: {ours.hint}" if ours.hint else str(ours)
        log.error("%s", words)  # noqa: TRY400  # one line, no traceback
        return ours.exit_code, MISCONFIGURED if isinstance(ours, ConfigError) else GAVE_UP
    worked = result.processed or result.dead
    said = FOR_GOOD if not result.spent else SPENT if worked else GAVE_UP
    return result.exit_code, said
