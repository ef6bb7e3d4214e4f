"""What it costs an application that its changes are noted: `python -m bench.live`."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import click
import psycopg

from bench.report import print_table
from bench.setting import servers
from mailvault.source.mapping.live import install_live, remove_live
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    from collections.abc import Callable

STATEMENTS = {
    "an email": "insert into emails (subject, sender, body) values ('s', 'a@b', %s)",
    "100 emails in one statement": """
        insert into emails (subject, sender, body)
        select 's', 'a@b', %s from generate_series(1, 100)
    """,
    "a flag of an email": """
        update emails set subject = left(%s, 9) where id = 1 + floor(random() * 9)
    """,
    "the body of an email": "update emails set body = %s where id = 1 + floor(random() * 9)",
}

EMPTY = """
truncate emails, files, mailvault.change restart identity;
insert into emails (body) select 'x' from generate_series(1, 9)
"""


@click.command()
@click.option("--rounds", type=int, default=7, show_default=True)
@click.option("--seconds", type=float, default=2.0, show_default=True, help="Of each measurement.")
@click.option("--size", type=int, default=10_000, show_default=True, help="Bytes of a body.")
def main(rounds: int, seconds: float, size: int) -> None:
    """Run statements of an application one by one, with the triggers and without, in turns."""
    rows = []
    with servers() as setting, psycopg.connect(setting.dsn, autocommit=True) as connection:
        source = Source(connection, load_mapping())
        switches: dict[bool, Callable[[], object]] = {
            False: lambda: remove_live(connection),
            True: lambda: install_live(connection, source),
        }
        for name, statement in STATEMENTS.items():
            rates: dict[bool, list[float]] = {False: [], True: []}
            for number in range(2 * rounds):
                live = number % 2 == 1
                connection.execute(EMPTY)
                switches[live]()
                connection.execute("checkpoint")
                rates[live].append(_rate(connection, statement, size, seconds))
            pairs = zip(rates[False], rates[True], strict=True)
            ratio = statistics.median(without / noted for without, noted in pairs)
            rows.append((
                name, f"{statistics.median(rates[False]):,.0f}/s",
                f"{statistics.median(rates[True]):,.0f}/s", f"{ratio:.2f} x",
            ))  # fmt: skip
    print_table(
        ("statement, each in a transaction", "without", "with triggers", "time"),
        rows,
        notes=f"Medians of {rounds} rounds of {seconds:g} s each way; bodies of {size:,} bytes; "
        "one connection; every commit is flushed to the disk.",
    )


def _rate(connection: psycopg.Connection, statement: str, size: int, seconds: float) -> float:
    started = time.monotonic()
    done = 0
    while time.monotonic() < started + seconds:
        body = f"{done:09}".ljust(size, "x")
        connection.execute(statement, [body])
        done += 1
    return done / (time.monotonic() - started)


if __name__ == "__main__":
    main()
