"""Who runs, with which settings, and how each is started.

The peers come from their registries, pinned in `peers/`, into `.bench/` below the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.queue import ours

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
CACHE = ROOT / ".bench"
PYTHON = CACHE / "venv" / "bin" / "python"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore",
    "PEERS": str(CACHE) + "/",
}


def install_peers() -> None:
    """Install the peers' packages, if they are not there as pinned."""
    CACHE.mkdir(exist_ok=True)
    for source in (PEERS / "requirements.txt", PEERS / "package.json"):
        pinned = CACHE / source.name
        if pinned.exists() and pinned.read_text() == source.read_text():
            continue
        if source.suffix == ".txt":
            venv.create(CACHE / "venv", clear=True, with_pip=True)
            command = [str(PYTHON), "-m", "pip", "install", "--quiet", "-r", str(source)]
        else:
            shutil.copy(source, pinned)
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=CACHE, check=True)
        except BaseException:
            pinned.unlink(missing_ok=True)
            raise
        shutil.copy(source, pinned)


@dataclass(frozen=True)
class Contender:
    """A queue, and how its no-op jobs are made and done.

    Attributes:
        name: As the table has it.
        settings: In the words of its documentation.
        jobs: So many that they take some ten seconds.
        prepare: Makes the jobs in an empty database.
        command: Starts a worker, but for the DSN that stands in it as `{dsn}`.
        left: Counts what is not done yet.
    """

    name: str
    settings: str
    jobs: int
    prepare: Callable[[str, int], None]
    command: tuple[str, ...]
    left: str


def outbox(group: int, *, write_back: bool = False, jobs: int = 400_000) -> Contender:
    """Return our contender: groups of so many, and what the mapping writes back."""

    def prepare(dsn: str, count: int) -> None:
        ours.prepare(dsn, count, write_back=write_back)

    return Contender(
        "mailvault, marking the email" if write_back else "mailvault",
        f"groups of {group}",
        jobs // 2 if write_back else jobs,
        prepare,
        (sys.executable, "-m", "bench.queue.ours", "{dsn}", str(group)),
        "select (select count(*) from mailvault.outbox) + (select count(*) from mailvault.lease)",
    )


def _peer(  # noqa: PLR0913, PLR0917  # what a contender is
    name: str,
    settings: str,
    jobs: int,
    program: tuple[str, str],
    numbers: tuple[int, ...],
    left: str,
) -> Contender:
    interpreter, script = program
    command = (interpreter, str(PEERS / script))

    def prepare(dsn: str, count: int) -> None:
        subprocess.run([*command, "prepare", dsn, str(count)], env=ENVIRONMENT, check=True)

    return Contender(
        name, settings, jobs, prepare, (*command, "work", "{dsn}", *map(str, numbers)), left
    )


def graphile(queue: int = 2000, at_once: int = 100) -> Contender:
    """Return graphile-worker."""
    return _peer(
        "graphile-worker",
        f"local queue {queue}, {at_once} at once, batched completion",
        250_000,
        ("node", "graphile_worker.mjs"),
        (queue, at_once),
        "select count(*) from graphile_worker._private_jobs",
    )


def pgqueuer(batch: int = 1000, managers: int = 1) -> Contender:
    """Return pgqueuer."""
    return _peer(
        "pgqueuer",
        f"asyncpg, uvloop, batches of {batch}, {managers} managers a process, durable",
        40_000,
        (str(PYTHON), "pgqueuer_worker.py"),
        (batch, managers),
        "select count(*) from pgqueuer",
    )


def procrastinate(concurrency: int = 20) -> Contender:
    """Return procrastinate."""
    return _peer(
        "procrastinate",
        f"uvloop, {concurrency} at once, finished jobs deleted",
        3000,
        (str(PYTHON), "procrastinate_worker.py"),
        (concurrency,),
        "select count(*) from procrastinate_jobs",
    )
