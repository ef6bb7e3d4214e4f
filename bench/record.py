"""How long views and `status` take with ten million jobs on record: `python -m bench.record`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import psycopg

from bench.report import print_table
from deploy import embedded
from mailvault.db import sql_directory
from mailvault.migrate import migrate
from mailvault.observe.snapshot import take_details, take_snapshot
from mailvault.queue.failures import Failures
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    from collections.abc import Callable

FILL = """
alter table mailvault.job set unlogged;
alter table mailvault.object set unlogged;
alter table mailvault.part set unlogged;
alter table mailvault.outbox set unlogged;

insert into mailvault.batch (state, total, dispatched, enqueued_at, started_at)
values ('enqueued', %(jobs)s, %(jobs)s, now() - interval '2 days', now() - interval '2 days');

insert into mailvault.job (batch_id, email_key)
select 1, n::text from generate_series(1, %(jobs)s) as n;
insert into mailvault.object (key, size, sha256, content_type)
select 'emails/' || n, 10000, sha256(n::text::bytea), 'text/html'
from generate_series(1, %(jobs)s * 9 / 10) as n;
insert into mailvault.part (job_id, kind, part_key, object_key)
select n, 'body', n::text, 'emails/' || n from generate_series(1, %(jobs)s * 9 / 10) as n;
insert into mailvault.dead_letter (job_id, batch_id, attempts, reason, message)
select n, 1, 3, 'reason_' || n %% 7, 'what happened'
from generate_series(%(jobs)s * 9 / 10 + 1, %(jobs)s * 92 / 100) as n;
insert into mailvault.failure (job_id, attempt, reason, message, worker_id)
select d.job_id, a, d.reason, d.message, 1
from mailvault.dead_letter as d, generate_series(1, 3) as a;
insert into mailvault.outbox (job_id, batch_id, email_key)
select n, 1, n::text from generate_series(%(jobs)s * 92 / 100 + 1, %(jobs)s) as n;
insert into mailvault.tally (batch_id, processed, parts, bytes)
values (1, %(jobs)s * 9 / 10, %(jobs)s * 9 / 10, %(jobs)s * 9000::bigint);
insert into mailvault.tally (batch_id, reason, dead)
select 1, d.reason, count(*) from mailvault.dead_letter as d group by d.reason;
insert into mailvault.sample (batch_id, sampled_at, taken_at, processed, dead, bytes)
select
    1, now() - n * interval '5 seconds', now() - n * interval '5 seconds',
    %(jobs)s * 9 / 10 - n * 200, 0, (%(jobs)s * 9 / 10 - n * 200) * 10000::bigint
from generate_series(0, 34560) as n
where n < 240 or n %% 12 = 0;
insert into mailvault.worker (host, pid, concurrency, uploader, uploader_reason)
select 'host', n, 16, 'rust', '' from generate_series(1, 32) as n;
"""

AGGREGATES = ("progress", "queue", "failure_reasons", "workers", "throughput")
LISTS = ("failures", "objects")


@click.command()
@click.option("--jobs", type=int, default=10_000_000, show_default=True)
@click.option("--rounds", type=int, default=9, show_default=True)
def main(jobs: int, rounds: int) -> None:
    """Fill the record, with two days of samples and 2% of dead letters, and time who reads it."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        dsn = embedded.start_postgres(Path(name))
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                _fill(connection, jobs)
                rows = [
                    (what, *_time(read, rounds)) for what, read in _readers(connection).items()
                ]
        finally:
            embedded.stop_postgres(Path(name))
    print_table(
        ("read", "median", "worst"),
        rows,
        notes=f"{jobs:,} jobs on record; {rounds} rounds, warm; of lists the first 100 rows.",
    )


def _fill(connection: psycopg.Connection, jobs: int) -> None:
    started = time.monotonic()
    migrate(connection)
    connection.execute((sql_directory() / "example.sql").read_text().encode())
    Source(connection, load_mapping()).install(connection)
    for statement in FILL.split(";\n"):
        if statement.strip():
            connection.execute(statement, {"jobs": jobs})
    connection.execute("vacuum analyze")
    print(f"filled in {time.monotonic() - started:.0f} s", flush=True)


def _readers(connection: psycopg.Connection) -> dict[str, Callable[[], object]]:
    def table(name: str, limit: str = "") -> Callable[[], object]:
        return lambda: connection.execute(f"select * from mailvault.{name}{limit}").fetchall()

    readers = {f"table mailvault.{name}": table(name) for name in AGGREGATES}
    readers |= {f"mailvault.{name}, 100 rows": table(name, " limit 100") for name in LISTS}
    return readers | {
        "mailvault status": lambda: take_snapshot(connection),
        "what --watch adds": lambda: take_details(connection),
        "mailvault failed": lambda: Failures(connection).count(),
    }


def _time(read: Callable[[], object], rounds: int) -> tuple[str, str]:
    read()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        read()
        taken.append(1000 * (time.perf_counter() - started))
    return f"{statistics.median(taken):.1f} ms", f"{max(taken):.1f} ms"


if __name__ == "__main__":
    main()
