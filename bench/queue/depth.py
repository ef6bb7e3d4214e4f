"""What a deep backlog costs: a claim of 100, and a look at the progress."""

from __future__ import annotations

import time
from statistics import median, quantiles

import click
import psycopg

from bench.queue import backlog, ours
from bench.queue.database import server
from bench.report import print_table

MILLION = 1_000_000
LIMIT = 100


@click.command()
@click.option("--claims", type=int, default=500, show_default=True)
@click.option("--jobs", type=int, default=MILLION, show_default=True)
@click.option("--deep", is_flag=True, help="Also with ten times as many.")
def depth(claims: int, jobs: int, deep: bool) -> None:
    """Time `claim` of 100 and `table mailvault.progress` over a backlog."""
    rows = []
    with server() as postgres:
        dsn = postgres.create("depth")
        backlog.prepare(dsn, jobs)
        for waiting in (jobs, 10 * jobs) if deep else (jobs,):
            if waiting > jobs:
                backlog.fill(dsn, waiting - jobs)
            outbox = ours.open_outbox(dsn, concurrency=LIMIT)
            took = []
            for _ in range(claims):
                started = time.perf_counter()
                leases = outbox.claim(LIMIT)
                took.append(time.perf_counter() - started)
                assert len(leases) == LIMIT
                outbox.ack([(lease, ()) for lease in leases])
            outbox.claim(LIMIT)  # so that the view has leases to count
            rows.append((f"{waiting:,}", *_spread(took), *_spread(_look(dsn))))
    print_table(
        ("jobs waiting", "claim of 100, median", "95 of 100", "progress, median", "95 of 100"),
        rows,
        notes=f"{claims} claims, each acked before the next.",
    )


def _look(dsn: str) -> list[float]:
    took = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(100):
            started = time.perf_counter()
            connection.execute("table mailvault.progress").fetchall()
            took.append(time.perf_counter() - started)
    return took


def _spread(took: list[float]) -> tuple[str, str]:
    return f"{1e3 * median(took):.2f} ms", f"{1e3 * quantiles(took, n=20)[-1]:.2f} ms"
