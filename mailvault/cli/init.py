"""`mailvault init`: make the schema, and fit it to the application's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailvault.cli.detect import detect_options
from mailvault.cli.explain import explain_source
from mailvault.cli.grants import show_grants
from mailvault.cli.settings import pass_settings
from mailvault.db import connect, sql_directory
from mailvault.migrate import lock, migrate
from mailvault.source.mapping.live import install_live, is_live, remove_live
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    import psycopg

    from mailvault.config import Settings


@click.command()
@click.option("--example", is_flag=True, help="Also make the quick start's tables.")
@click.option(
    "--live/--no-live",
    default=None,
    help="Note what the application changes, by triggers on its tables; or do so no longer.",
)
@click.option("--explain", is_flag=True, help="Only show what it would make, and some mail.")
@click.option("--print-grants", metavar="ROLE", help="Only show what a worker's role needs.")
@detect_options
@pass_settings
def init(
    settings: Settings,
    *,
    example: bool,
    live: bool | None,
    explain: bool,
    print_grants: str | None,
) -> None:
    """Create or upgrade mailvault's schema in the database; safe to repeat.

    \b
    Examples:
      mailvault init --example    # on an empty database, to try it
      mailvault init --detect     # look for mail, and write a mapping to mailvault.toml
      mailvault init --explain    # look first: nothing is changed
      mailvault init              # with the mapping of mailvault.toml
      mailvault init --print-grants worker | psql
      mailvault init --live       # and new and changed mail is moved from now on, by itself
    """
    mapping = load_mapping()
    with connect(settings) as connection:
        if explain or print_grants:
            with connection.transaction(force_rollback=True):
                migrate(connection)
                _make_example(connection, wanted=example)
                source = Source(connection, mapping)
                source.install(connection)
                if print_grants:
                    show_grants(connection, source, print_grants)
                else:
                    explain_source(connection, source)
            return
        for migration in migrate(connection):
            click.echo(f"applied {migration.version:04} {migration.name}")
        with connection.transaction():
            lock(connection)
            _make_example(connection, wanted=example)
            source = Source(connection, mapping)
            source.install(connection)
            watched = _watch(connection, source, live=live)
    click.echo("the schema is up to date")
    if watched:
        click.echo(f"changes are noted of: {', '.join(watched)}")


def _make_example(connection: psycopg.Connection, *, wanted: bool) -> None:
    if wanted:
        text = (sql_directory() / "example.sql").read_text(encoding="utf-8")
        connection.execute(text)


def _watch(connection: psycopg.Connection, source: Source, *, live: bool | None) -> list[str]:
    """Put triggers on the application's tables, or take them off, or fit them anew."""
    if live if live is not None else is_live(connection):
        return install_live(connection, source)
    remove_live(connection)
    return []
