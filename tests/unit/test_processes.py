"""Seats and their supervisor, with processes that do nothing but end in one way or another."""

from __future__ import annotations

import os
import resource
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from mailvault.worker.processes import (
    AT_WORK,
    FOR_GOOD,
    MISCONFIGURED,
    SPENT,
    Seat,
    Supervisor,
)
from mailvault.worker.stop import Stop
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

SECONDS = 20


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """As on a machine that has none: nothing can be opened or started."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def end_at_the_second_signal(mouth: Connection, up: Path) -> None:
    """Look for signals only now and then, as one does that is busy."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    up.write_text(str(os.getpid()))
    for _ in range(2):
        while signal.sigtimedwait({signal.SIGTERM}, 0) is None:
            threading.Event().wait(0.05)
    mouth.send(FOR_GOOD)


def end_at_a_signal(mouth: Connection, up: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    up.write_text(str(os.getpid()))
    signal.sigwait({signal.SIGTERM})
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


def test_one_that_cannot_be_started_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    up, stop = tmp_path / "up", Stop()
    seat = Seat("one", end_at_a_signal, (up,))
    supervisor = Supervisor([seat], stop, restart=False)
    with ThreadPoolExecutor(1) as pool:
        wait_until(pool.submit(int).done, "the thread")
        with no_descriptors_left():
            running = pool.submit(supervisor.run)
            wait_until(lambda: running.done() or caplog.records, "the first try")
        wait_until(lambda: running.done() or up.exists(), "the second try")
        stop.heed()
        assert running.result(SECONDS) == 0
    assert "one cannot be started: Too many open files; the next try is in 1 s" in caplog.text


def test_what_could_never_be_started_ends_when_it_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = Stop()
    seat = Seat("one", end_at_a_signal, ())
    with no_descriptors_left():
        seat.start()
    assert len(caplog.records) == 1
    stop.heed()
    seat.look(restart=False, ending=True, proven=False)
    assert (seat.is_over, seat.exit_code) == (True, 0)


class Fault(Exception):  # noqa: N818
    """What nobody counts on."""


class Faulty(Seat):
    def look(self, **_: bool) -> None:
        if self._arguments[0].exists():  # type: ignore[attr-defined]
            raise Fault


def test_no_process_outlives_a_supervisor_that_fails(tmp_path: Path) -> None:
    up = tmp_path / "up"
    with pytest.raises(Fault):
        Supervisor([Faulty("one", end_at_a_signal, (up,))], Stop(), restart=False).run()
    assert not psutil.pid_exists(int(up.read_text()))


def play(mouth: Connection, runs: Path, script: list[tuple[list[str], int]]) -> None:
    """Say and end as the script has it: one line for each process that was started."""
    with runs.open("a") as file:
        file.write("x")
        number = file.tell() - 1
    words, code = script[number]
    for word in words:
        mouth.send(word)
    raise SystemExit(code)


def played(
    runs: Path, script: list[tuple[list[str], int]], *, drains: bool = True
) -> tuple[int, int]:
    """Return the exit code, and how many processes it took."""
    seat = Seat("one", play, (runs, script), drains=drains)
    code = Supervisor([seat], Stop(), restart=True).run()
    return code, len(runs.read_text())


def test_what_is_misconfigured_from_the_start_stays_so(tmp_path: Path) -> None:
    assert played(tmp_path / "runs", [([MISCONFIGURED], 2)]) == (2, 1)


def test_what_worked_before_is_not_misconfigured(tmp_path: Path) -> None:
    script = [([AT_WORK, SPENT], 0), ([MISCONFIGURED], 2), ([AT_WORK, FOR_GOOD], 0)]
    assert played(tmp_path / "runs", script) == (0, 3)


@pytest.mark.parametrize(("drains", "code"), [(True, 1), (False, 0)])
def test_who_drains_tells_of_the_failures_of_all(tmp_path: Path, drains: bool, code: int) -> None:
    script = [([AT_WORK, SPENT], 1), ([AT_WORK, FOR_GOOD], 0)]
    assert played(tmp_path / "runs", script, drains=drains) == (code, 2)


def test_a_crash_that_was_made_good_is_no_failure(tmp_path: Path) -> None:
    assert played(tmp_path / "runs", [([], 1), ([AT_WORK, FOR_GOOD], 0)]) == (0, 2)
