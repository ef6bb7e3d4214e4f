"""Lets workers end no-op jobs, and says how fast.

The same way for every contender: the jobs are there before; the workers start, connect, and wait
for one another; then all begin. Each notes with a monotonic clock, which all processes share, how
many jobs it has done. The rate is that between the moments when a tenth and nine tenths of all
jobs were done, so that neither start nor end counts. The peers count a job when its function was
called, which is before it is ended in the database; ours counts it when its ack has returned.
After the run the database must say that nothing is left.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import click
import psutil
import psycopg

from bench.queue.contenders import ENVIRONMENT, ROOT
from bench.queue.database import settle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.queue.contenders import Contender
    from bench.queue.database import Server

PATIENCE = 300.0
"""Seconds within which a run must end."""


@dataclass(frozen=True)
class Result:
    """What a run amounted to: CPU in microseconds per job."""

    per_second: float
    database_cpu: float
    worker_cpu: float


def race(server: Server, contender: Contender, template: str, processes: int) -> Result:
    """Run one contender's workers over a copy of its prepared database."""
    dsn = server.create("run", template)
    settle(dsn)
    workers = Workers(server.directory.parent, contender, dsn, processes)
    try:
        before = server.cpu(), workers.cpu()
        workers.start()
        wait_until_empty(dsn, contender)
        after = server.cpu(), workers.cpu()
    finally:
        workers.end()
    database, own = (1e6 * (b - a) / contender.jobs for a, b in zip(before, after, strict=True))
    return Result(rate(workers.marks(), contender.jobs), database, own)


class Workers:
    """Processes of one contender, which write their marks into files."""

    def __init__(self, directory: Path, contender: Contender, dsn: str, processes: int) -> None:
        command = [part.format(dsn=dsn) for part in contender.command]
        self._files = [directory / f"marks-{number}" for number in range(processes)]
        self._processes = []
        for path in self._files:
            with path.open("wb") as file, path.with_suffix(".err").open("wb") as errors:
                process = subprocess.Popen(
                    command, env=ENVIRONMENT, cwd=ROOT,
                    stdin=subprocess.PIPE, stdout=file, stderr=errors,
                )  # fmt: skip
            self._processes.append(process)
        self._wait_until_ready()
        self._accounts = [psutil.Process(process.pid) for process in self._processes]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not all(path.read_bytes().startswith(b"ready") for path in self._files):
            if any(process.poll() for process in self._processes) or time.monotonic() > deadline:
                raise click.ClickException(self._files[0].with_suffix(".err").read_text())
            time.sleep(0.02)

    def start(self) -> None:
        """Let all begin."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()

    @property
    def alive(self) -> bool:
        """Whether none has ended."""
        return all(process.poll() is None for process in self._processes)

    def cpu(self) -> float:
        """CPU seconds of all so far; 0 of one that has ended before it was asked."""
        return sum(sum(account.cpu_times()[:2]) for account in self._accounts)

    def end(self) -> None:
        """Terminate those that still wait for jobs."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def marks(self) -> list[list[tuple[float, int]]]:
        """Return what each noted: when, and how many jobs it had done."""
        notes = []
        for path in self._files:
            _, *lines = path.read_text().split("\n")[:-1]
            notes.append([(float(line.split()[0]), int(line.split()[1])) for line in lines])
        return notes


def wait_until_empty(dsn: str, contender: Contender) -> None:
    """Ask the database, seldom enough to cost nothing, until no job is left."""
    deadline = time.monotonic() + PATIENCE
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(contender.left).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise click.ClickException(f"{contender.name} is not done in {PATIENCE:.0f} s")
            time.sleep(0.5)


def rate(marks: Sequence[Sequence[tuple[float, int]]], jobs: int) -> float:
    """Return jobs per second between a tenth and nine tenths of all."""
    steps = sorted(
        (now, count - before) for worker in marks for (_, before), (now, count) in pairwise(worker)
    )
    total = 0
    reached: list[tuple[float, int]] = []
    for now, more in steps:
        total += more
        if total >= (0.1, 0.9)[len(reached)] * jobs:
            reached.append((now, total))
            if len(reached) == 2:
                break
    (start, first), (end, last) = reached
    return (last - first) / (end - start)
