"""Runs of a program that are accounted for."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import psutil


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the kernel accounts for it and its children.

    Attributes:
        seconds: Wall time, start-up included.
        cpu: CPU seconds, user and system.
        peak: Peak resident memory of its largest process, in bytes.
        said: What it printed.
    """

    seconds: float
    cpu: float
    peak: int
    said: str


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path | None = None,
    on_start: Callable[[int], None] = lambda _: None,
) -> Run:
    """Run a program to its end, with more in its environment than there is in ours.

    `on_start` is told its process id.

    Raises:
        click.ClickException: It failed; the text is what it said.
    """
    started = time.monotonic()
    with subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=cwd,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        on_start(process.pid)
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)}:\n{said}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said)


def cpu_of(server: psutil.Process) -> float:
    """CPU seconds so far of a server, and of the processes that it started and that ended."""
    times = server.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
