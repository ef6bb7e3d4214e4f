"""`mailvault init`: make the schema, and fit it to the application's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailvault.cli.settings import pass_settings
from mailvault.db import connect, sql_directory
from mailvault.migrate import lock, migrate
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import install_source

if TYPE_CHECKING:
    from mailvault.config import Settings


@click.command()
@click.option("--example", is_flag=True, help="Also make the quick start's tables.")
@pass_settings
def init(settings: Settings, *, example: bool) -> None:
    """Create or upgrade mailvault's schema in the database; safe to repeat.

    \b
    Example:
      mailvault init --example    # on an empty database, to try it
      mailvault init              # with the mapping of mailvault.toml
    """
    mapping = load_mapping()
    with connect(settings) as connection:
        for migration in migrate(connection):
            click.echo(f"applied {migration.version:04} {migration.name}")
        with connection.transaction():
            lock(connection)
            if example:
                text = (sql_directory() / "example.sql").read_text(encoding="utf-8")
                connection.execute(text)
            install_source(connection, mapping)
    click.echo("the schema is up to date")
