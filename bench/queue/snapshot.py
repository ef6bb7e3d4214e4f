"""Jobs per second while another session holds an old snapshot, against without."""

from __future__ import annotations

import time
from dataclasses import replace

import click
import psycopg

from bench.queue import backlog, contenders
from bench.queue.database import server
from bench.queue.race import Workers
from bench.report import print_table

PER_MINUTE = 4_500_000
"""Jobs that two processes are not likely to end within a minute."""

FREE = 0.2
"""Of the time with the snapshot, how long is measured without it before."""


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True)
@click.option("--group", type=int, default=1000, show_default=True)
@click.option("--jobs", type=int, help="In the backlog.  [default: 4,500,000 a minute]")
def snapshot(minutes: float, group: int, jobs: int | None) -> None:
    """Drain a backlog with two processes, first without and then with an old snapshot."""
    waiting = jobs or round(PER_MINUTE * minutes * (1 + FREE))
    contender = replace(contenders.outbox(group), jobs=waiting, prepare=backlog.prepare)
    with server() as postgres:
        dsn = postgres.create("run")
        contender.prepare(dsn, waiting)
        workers = Workers(postgres.directory.parent, contender, dsn, processes=2)
        try:
            workers.start()
            time.sleep(60 * minutes * FREE)
            before = time.monotonic()
            with psycopg.connect(dsn) as old:
                old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                old.execute("select count(*) from mailvault.batch")
                since = time.monotonic()
                time.sleep(60 * minutes)
                until = time.monotonic()
            if not workers.alive:
                raise click.ClickException("the backlog was drained too early: --jobs")
        finally:
            workers.end()
        marks = workers.marks()  # before the server's directory goes, in which they are
    start = min(worker[0][0] for worker in marks)
    free = rate(marks, start, before)
    held = {
        f"held for {minutes:g} minutes": rate(marks, since, until),
        "the last tenth of them": rate(marks, until - 6 * minutes, until),
    }
    print_table(
        ("", "no-op jobs/s", "ratio"),
        [
            ("no old snapshot", f"{free:,.0f}", ""),
            *((name, f"{found:,.0f}", f"{found / free:.2f}") for name, found in held.items()),
        ],
        notes=f"Two worker processes, groups of {group}, {waiting:,} jobs waiting.",
    )


def rate(marks: list[list[tuple[float, int]]], since: float, until: float) -> float:
    """Return the jobs per second that all workers did together."""
    done = sum(count_at(worker, until) - count_at(worker, since) for worker in marks)
    return done / (until - since)


def count_at(marks: list[tuple[float, int]], moment: float) -> int:
    """Return how many jobs a worker had done by then."""
    return max((count for now, count in marks if now <= moment), default=0)
