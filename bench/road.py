"""Times the whole road over seeded mail: `python -m bench.road --emails 100000`.

Seeds, enqueues, and runs one `mailvault work --drain`. The servers run on the same machine and
compete for its cores.
"""

from __future__ import annotations

import click
import psycopg

from bench.run import cpu_of
from bench.setting import setting
from bench.stores import seaweedfs


@click.command()
@click.option("--emails", type=int, default=20_000, show_default=True)
@click.option("--attachments", default="0-3", show_default=True)
@click.option("-j", "concurrency", default="16", show_default=True)
@click.option("--processes", default="1", show_default=True)
@click.option("--uploader", default="auto", show_default=True)
def main(emails: int, attachments: str, concurrency: str, processes: str, uploader: str) -> None:
    """Print how long each stretch took, and what the worker cost."""
    with seaweedfs() as store, setting(store) as place:
        place.run("seed", "--emails", str(emails), "--attachments", attachments)
        place.enqueue()
        before = cpu_of(store.process), cpu_of(place.postgres)
        work = ["work", "--drain", "-j", concurrency, "--processes", processes]
        run = place.run(*work, "--uploader", uploader)
        after = cpu_of(store.process), cpu_of(place.postgres)
        with psycopg.connect(place.dsn) as connection:
            row = connection.execute(
                "select processed, parts, bytes from mailvault.progress"
            ).fetchone()
    assert row is not None
    processed, parts, size = row
    print(
        f"{processed:,} emails, {parts:,} objects, {size / 1e9:.2f} GB in {run.seconds:.1f} s: "
        f"{processed / run.seconds:,.0f} emails/s, {parts / run.seconds:,.0f} objects/s\n"
        f"worker: {1000 * run.cpu / processed:.3f} ms CPU per email, "
        f"{1000 * run.cpu / parts:.3f} per object, peak {run.peak / 2**20:.0f} MiB"
    )
    for server, start, end in zip(("S3 server", "PostgreSQL"), before, after, strict=True):
        print(f"{server}: {1000 * (end - start) / parts:.3f} ms CPU per object")


if __name__ == "__main__":
    main()
