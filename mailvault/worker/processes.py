"""Several worker processes on one machine, started and ended together."""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
from typing import TYPE_CHECKING

import psycopg

from mailvault.db import explain
from mailvault.errors import MailvaultError
from mailvault.worker.process import run_worker
from mailvault.worker.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

    from mailvault.config import Settings
    from mailvault.worker.process import WorkOptions

log = logging.getLogger(__name__)

WATCH = 0.2
"""Seconds between looks at the processes."""


def run_processes(
    settings: Settings, options: WorkOptions, stop: Stop, count: int, setup: Callable[[], None]
) -> int:
    """Run `count` workers, each in a process of its own; return the worst of their exit codes.

    Spawned and not forked: the uploader's threads would not survive a fork. `setup` is called
    first in each of them.
    """
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(
            target=_child, args=(settings, options, setup, os.getpid()), name=f"worker-{number}"
        )
        for number in range(1, count + 1)
    ]
    for process in processes:
        process.start()
    told = 0
    while living := [process.sentinel for process in processes if process.is_alive()]:
        multiprocessing.connection.wait(living, WATCH)
        told = _tell(processes, stop, told)
    return max(_exit_code(process) for process in processes)


def _tell(processes: list[SpawnProcess], stop: Stop, told: int) -> int:
    urgency = 2 if stop.at_once else 1 if stop.requested.is_set() else 0
    for _ in range(urgency - told):
        for process in processes:
            if process.is_alive():
                process.terminate()
    return max(urgency, told)


def _exit_code(process: SpawnProcess) -> int:
    code = process.exitcode
    # Killed by a signal is negative; what it had in hand is taken back by others.
    return code if code is not None and code >= 0 else 1


def _child(
    settings: Settings, options: WorkOptions, setup: Callable[[], None], parent: int
) -> None:
    stop = Stop()
    stop.listen_to_signals()
    # A Ctrl-C goes to the whole group: the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup()
    try:
        result = run_worker(settings, options, stop, parent=parent)
    except psycopg.Error as error:
        explained = explain(error)
        log.error("%s", explained)  # noqa: TRY400  # one line, no traceback
        raise SystemExit(explained.exit_code) from None
    except MailvaultError as error:
        log.error("%s", error)  # noqa: TRY400  # one line, no traceback
        raise SystemExit(error.exit_code) from None
    raise SystemExit(1 if result.dead else 0)
