"""Jobs per second, and what a job costs, with one worker process and with more."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import click

from bench.queue import contenders
from bench.queue.database import server
from bench.queue.race import race
from bench.report import print_table

PROCESSES = (1, 2, 4, 8)


@click.command()
@click.option("--rounds", type=int, default=3, show_default=True)
@click.option("--jobs", type=int, default=400_000, show_default=True)
@click.option("--group", type=int, default=1000, show_default=True)
def workers(rounds: int, jobs: int, group: int) -> None:
    """Race our workers against more of themselves."""
    contender = replace(contenders.outbox(group), jobs=jobs)
    rows = []
    with server() as postgres:
        contender.prepare(postgres.create("prepared"), jobs)
        for processes in PROCESSES:
            results = [race(postgres, contender, "prepared", processes) for _ in range(rounds)]
            rows.append(
                (
                    processes,
                    f"{median(result.per_second for result in results):,.0f}",
                    f"{median(result.database_cpu for result in results):.1f} µs",
                    f"{median(result.worker_cpu for result in results):.1f} µs",
                )
            )
    print_table(
        ("worker processes", "no-op jobs/s", "database CPU per job", "worker CPU per job"),
        rows,
        notes=f"Medians of {rounds} rounds, groups of {group}.",
    )
