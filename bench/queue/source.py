"""How fast `mailvault enqueue --all` dispatches a million emails."""

from __future__ import annotations

import click
import psycopg

from bench.report import print_table
from bench.setting import servers


@click.command()
@click.option("--emails", type=int, default=1_000_000, show_default=True)
def enqueue(emails: int) -> None:
    """Time the command, interpreter and all, over rows with short bodies."""
    with servers() as setting:
        with psycopg.connect(setting.dsn, autocommit=True) as connection:
            connection.execute(
                "insert into emails (body) select '<p>email ' || i || '</p>' "
                "from generate_series(1, %s) as i",
                [emails],
            )
            connection.execute("vacuum analyze emails")
            connection.execute("checkpoint")
        run = setting.run("enqueue", "--all")
        with psycopg.connect(setting.dsn) as connection:
            row = connection.execute("select count(*) from mailvault.outbox").fetchone()
    assert row == (emails,), f"{row} jobs were made of {emails} emails"
    print_table(
        ("emails", "seconds", "emails/s"),
        [(f"{emails:,}", f"{run.seconds:.1f}", f"{emails / run.seconds:,.0f}")],
    )
