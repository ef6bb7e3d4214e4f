"""Seats and their supervisor, with processes that do nothing but end in one way or another."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from mailvault.worker.processes import FOR_GOOD, Seat, Supervisor
from mailvault.worker.stop import Stop
from tests.waiting import wait_until

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

SECONDS = 20


def end_at_the_second_signal(mouth: Connection, up: Path) -> None:
    """Look for signals only now and then, as one does that is busy."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    up.write_text(str(os.getpid()))
    for _ in range(2):
        while signal.sigtimedwait({signal.SIGTERM}, 0) is None:
            threading.Event().wait(0.05)
    mouth.send(FOR_GOOD)


def test_two_requests_at_once_are_two_signals(tmp_path: Path) -> None:
    up, stop = tmp_path / "up", Stop()
    seat = Seat("one", end_at_the_second_signal, (up,))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(Supervisor([seat], stop, restart=False).run)
        wait_until(up.exists, "the process")
        stop.heed()
        stop.heed()
        try:
            assert running.result(SECONDS) == 0
        finally:
            with suppress(ProcessLookupError):
                os.kill(int(up.read_text()), signal.SIGKILL)
