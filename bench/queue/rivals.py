"""No-op jobs per second with two worker processes, ours against the peers, in one run."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import click

from bench.queue import contenders
from bench.queue.database import server
from bench.queue.race import Result, race
from bench.report import print_table


@click.command()
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--processes", type=int, default=2, show_default=True)
@click.option("--scale", type=float, default=1.0, show_default=True, help="Of the jobs.")
@click.option("--group", type=int, default=1000, show_default=True, help="Of our claims.")
def peers(rounds: int, processes: int, scale: float, group: int) -> None:
    """Race all contenders, in rounds of one run of each."""
    contenders.install_peers()
    field = [
        replace(contender, jobs=round(contender.jobs * scale))
        for contender in (
            contenders.outbox(group),
            contenders.outbox(group, write_back=True),
            contenders.graphile(),
            contenders.pgqueuer(),
            contenders.procrastinate(),
        )
    ]
    results: list[list[Result]] = [[] for _ in field]
    with server() as postgres:
        for number, contender in enumerate(field):
            print(f"{contender.name}: {contender.jobs:,} jobs", flush=True)
            contender.prepare(postgres.create(f"prepared{number}"), contender.jobs)
        for turn in range(rounds):
            for number, contender in enumerate(field):
                result = race(postgres, contender, f"prepared{number}", processes)
                results[number].append(result)
                print(f"{turn + 1}: {contender.name} {result.per_second:,.0f}/s", flush=True)
    ours = _median(results[0], "per_second")
    print_table(
        (
            "",
            "settings",
            "no-op jobs/s",
            "rounds",
            "mailvault does",
            "CPU µs a job: database, worker",
        ),
        [
            (
                contender.name,
                contender.settings,
                f"{_median(done, 'per_second'):,.0f}",
                " ".join(f"{result.per_second:,.0f}" for result in done),
                f"{ours / _median(done, 'per_second'):.2f} times",
                f"{_median(done, 'database_cpu'):.0f}, {_median(done, 'worker_cpu'):.0f}",
            )
            for contender, done in zip(field, results, strict=True)
        ],
        notes=f"Medians of {rounds} interleaved rounds, {processes} worker processes each.",
    )


def _median(results: list[Result], of: str) -> float:
    return float(median(getattr(result, of) for result in results))
