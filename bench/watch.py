"""Looks at the memory of a running program."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.1
"""Seconds between two looks."""

T = TypeVar("T")


class Sample(NamedTuple, Generic[T]):
    """One look: what the caller wants to know of the moment, and memory in bytes.

    Attributes:
        note: What the caller's function said.
        rss: Resident memory of the process and its children.
        pss: The same, with a page that several processes share counted once.
    """

    note: T
    rss: int
    pss: int


class Watch(Generic[T]):
    """Watches one process from a thread until it ends.

    The kernel's account of a child that ended (`ru_maxrss`) is no less than the memory of the
    process that started it, so that a small one cannot be measured by it.

    Attributes:
        samples: Every look.
        peak: The most that was resident in the process (VmHWM), or in it and its children when
            looked at, in bytes.
    """

    def __init__(self, note: Callable[[], T]) -> None:
        self._note = note
        self._thread: threading.Thread | None = None
        self.samples: list[Sample[T]] = []
        self.peak = 0

    def start(self, pid: int) -> None:
        """Begin to look at a process."""
        self._thread = threading.Thread(target=self._look, args=(psutil.Process(pid),))
        self._thread.start()

    def wait(self) -> None:
        """Wait until the process has ended."""
        assert self._thread is not None
        self._thread.join()

    def _look(self, process: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, KeyError):
            while process.status() != psutil.STATUS_ZOMBIE:
                family = [process, *process.children(recursive=True)]
                rss = sum(_bytes(one, "status", "VmRSS") for one in family)
                pss = sum(_bytes(one, "smaps_rollup", "Pss") for one in family)
                self.peak = max(self.peak, rss, _bytes(process, "status", "VmHWM"))
                self.samples.append(Sample(self._note(), rss, pss))
                time.sleep(INTERVAL)


def _bytes(process: psutil.Process, file: str, name: str) -> int:
    lines = Path(f"/proc/{process.pid}/{file}").read_text(encoding="ascii").splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(found[name].split()[0]) * 1024
