"""Jobs per second while another session holds an old snapshot, against without."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import psycopg

from bench.queue import backlog, contenders
from bench.queue.database import server, settle
from bench.queue.race import Workers
from bench.report import print_table

if TYPE_CHECKING:
    from bench.queue.contenders import Contender
    from bench.queue.database import Server

PER_MINUTE = 3_000_000
"""Jobs that two processes are not likely to end within a minute."""


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True)
@click.option("--group", type=int, default=1000, show_default=True)
@click.option("--jobs", type=int, help="In the backlog.  [default: 3,000,000 a minute]")
def snapshot(minutes: float, group: int, jobs: int | None) -> None:
    """Drain a backlog with two processes, with an old snapshot held and without."""
    waiting = jobs or round(PER_MINUTE * minutes)
    contender = replace(contenders.outbox(group), jobs=waiting, prepare=backlog.prepare)
    with server() as postgres:
        contender.prepare(postgres.create("prepared"), waiting)
        free = _drain(postgres, contender, 60 * minutes, held=False)
        held = _drain(postgres, contender, 60 * minutes, held=True)
    print_table(
        ("", "no-op jobs/s", "over the last tenth of the time"),
        [
            ("no old snapshot", *(f"{rate:,.0f}" for rate in free)),
            (f"held for {minutes:g} minutes", *(f"{rate:,.0f}" for rate in held)),
            ("ratio", *(f"{b / a:.2f}" for a, b in zip(free, held, strict=True))),
        ],
        notes=f"Two worker processes, groups of {group}, {waiting:,} jobs waiting.",
    )


def _drain(
    server: Server, contender: Contender, seconds: float, *, held: bool
) -> tuple[float, float]:
    """Return jobs per second over all of the time, and over its last tenth."""
    dsn = server.create("run", "prepared")
    settle(dsn)
    workers = Workers(server.directory.parent, contender, dsn, processes=2)
    try:
        with ExitStack() as stack:
            if held:
                old = stack.enter_context(psycopg.connect(dsn))
                old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                old.execute("select count(*) from mailvault.batch")
            workers.start()
            time.sleep(seconds)
            if not workers.alive:
                raise click.ClickException("the backlog was drained too early: --jobs")
    finally:
        workers.end()
    notes = workers.marks()
    start = min(worker[0][0] for worker in notes)
    whole, last = (
        sum(
            count_at(worker, start + seconds) - count_at(worker, start + since * seconds)
            for worker in notes
        )
        / ((1 - since) * seconds)
        for since in (0.0, 0.9)
    )
    return whole, last


def count_at(marks: list[tuple[float, int]], moment: float) -> int:
    """Return how many jobs a worker had done by then."""
    return max((count for now, count in marks if now <= moment), default=0)
