"""A worker killed at some of its calls; `make kill-everywhere` does so at each of them."""

from __future__ import annotations

import itertools
import multiprocessing
import platform
import threading
from typing import TYPE_CHECKING, get_args

import pytest

from tests.kills import ptrace
from tests.kills.stage import Stage
from tests.kills.workers import Countdown, Moment, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.application import Application
    from tests.conftest import Bucket

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="system calls are known by their numbers on x86-64"
)

POINTS = 11


@pytest.mark.direct  # through a pooler, its sessions outlive it
def test_a_worker_killed_here_and_there(
    application: Application, bucket: Bucket, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**bucket.environment, **application.environment(), "TMPDIR": str(scratch)}
    roots = [application.files_root, scratch]
    with Workers(environment, tmp_path / "log", roots) as workers:
        stage = Stage(application, bucket, workers, scratch, "-j", "2", "--uploader", "rust")
        calls = sum(stage.rehearse().calls.values())
        for number, moment in zip(range(POINTS), itertools.cycle(get_args(Moment)), strict=False):
            # Not up to the last: no two runs make quite as many, and the first makes the most.
            point = 1 + number * calls * 3 // 4 // POINTS
            assert stage.kill(point, moment).killed_at, f"no worker came to point {point}"


def _write_three_times(file: Path, lock: threading.Lock) -> None:
    with file.open("ab", buffering=0) as out:
        for _ in range(3):
            with lock:
                out.write(b".")


def _write_in_two_threads(file: Path) -> None:
    lock = threading.Lock()  # a call that was counted is over before the next one is
    threads = [threading.Thread(target=_write_three_times, args=[file, lock]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _kill_at_the_fourth(file: Path, moment: Moment) -> None:
    write = 1
    tracee = ptrace.Tracee(ptrace.fork(lambda: _write_in_two_threads(file), [write]))
    countdown = Countdown(lambda _: "write", 4, moment)
    assert countdown.watch(tracee) == -9
    assert countdown.killed_at == "write"


@pytest.mark.parametrize(("moment", "written"), [("before", 3), ("after", 4)])
def test_calls_are_counted_over_all_threads(tmp_path: Path, moment: Moment, written: int) -> None:
    """Neither of two threads that write three times each ever comes to a fourth."""
    file = tmp_path / "file"
    # In a process of its own: this one has threads, and should not fork.
    process = multiprocessing.get_context("spawn").Process(
        target=_kill_at_the_fourth, args=(file, moment)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert file.stat().st_size == written
