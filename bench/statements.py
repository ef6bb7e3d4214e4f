"""What a run asks of PostgreSQL, statement by statement: `python -m bench.statements`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click
import psycopg

from bench.report import print_table
from bench.setting import servers
from deploy import embedded
from mailvault.db import sql_directory

if TYPE_CHECKING:
    from bench.setting import Setting

STATEMENTS = """
select s.query, s.calls, s.total_exec_time
from pg_stat_statements as s
inner join pg_database as d on s.dbid = d.oid and d.datname = current_database()
order by s.total_exec_time desc
"""

FETCHED = "select idx_tup_fetch from pg_stat_all_tables where relid = %s::regclass"
"""How often pieces of long values were fetched."""

TOAST = "select reltoastrelid::regclass::text from pg_class where oid = 'emails'::regclass"

SHARE = 0.5
"""Per cent of the time; what takes less is one row together."""


@click.command()
@click.option("--emails", type=int, default=100_000, show_default=True)
@click.option("--size", type=int, default=10_000, show_default=True, help="Bytes of a body.")
@click.option("-j", "concurrency", default="16", show_default=True)
def main(emails: int, size: int, concurrency: str) -> None:
    """Move emails with a body each, and print what it took of PostgreSQL."""
    with servers() as setting:
        _watch(setting)
        setting.add_bodies(emails, size)
        with psycopg.connect(setting.dsn, autocommit=True) as connection:
            connection.execute("select pg_stat_statements_reset()")
            toast = str(_one(connection, TOAST))
            before = _one(connection, FETCHED, toast)
        done = setting.run("work", "--drain", "-j", concurrency)
        with psycopg.connect(setting.dsn, autocommit=True) as connection:
            rows = connection.execute(STATEMENTS).fetchall()
            fetched = _one(connection, FETCHED, toast) - before
            chunks = _one(connection, f"select count(*) from {toast}")
    total = sum(row[2] for row in rows)
    shown = [row for row in rows if 100 * row[2] / total >= SHARE]
    others = [row for row in rows if row not in shown]
    table = [
        (_named(query), *_figures(calls, taken, emails, total)) for query, calls, taken in shown
    ]
    for name, group in ((f"{len(others)} others", others), ("all", rows)):
        calls, taken = sum(row[1] for row in group), sum(row[2] for row in group)
        table.append((name, *_figures(calls, taken, emails, total)))
    print_table(
        ("statement", "calls", "per email", "ms each", "of PostgreSQL's time"),
        table,
        notes=f"{emails:,} emails with a body of {size:,} bytes, in {done.seconds:.1f} s; "
        f"{total / emails:.3f} ms of PostgreSQL for each. Bodies are {chunks:,} rows of a TOAST "
        f"table, which were fetched {fetched:,} times: each byte {fetched / chunks:.3f} times.",
    )


def _watch(setting: Setting) -> None:
    with psycopg.connect(setting.dsn, autocommit=True) as connection:
        connection.execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
    embedded.stop_postgres(setting.directory / "postgres")
    embedded.start_postgres(setting.directory / "postgres")
    with psycopg.connect(setting.dsn, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")


def _figures(calls: int, taken: float, emails: int, total: float) -> tuple[str, ...]:
    each = taken / max(calls, 1)
    return f"{calls:,}", f"{calls / emails:.4f}", f"{each:.2f}", f"{taken / total:.1%}"


def _one(connection: psycopg.Connection, statement: str, *parameters: object) -> Any:
    row = connection.execute(statement, parameters or None).fetchone()
    assert row is not None
    return row[0]


def _named(statement: str) -> str:
    """Return the name that a statement has in sql/queries, or how it begins."""
    for file in (sql_directory() / "queries").iterdir():
        _, *named = re.split(r"-- name: (\w+)\n", file.read_text(encoding="utf-8"))
        for name, text in zip(named[::2], named[1::2], strict=True):
            if _beginning(text) == _beginning(statement):
                return f"`{file.name.removesuffix('.sql')}: {name}`"
    return f"`{' '.join(statement.split())[:40]}`"


def _beginning(statement: str) -> str:
    """Return the words of a statement before its first parameter, without comments."""
    text = re.sub(r"--[^\n]*", "", statement)
    return " ".join(re.split(r"%\(|\$\d|;", text)[0].lower().split())


if __name__ == "__main__":
    main()
