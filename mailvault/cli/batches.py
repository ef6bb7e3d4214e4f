"""`mailvault batches`: what was asked for, and how far each is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mailvault.cli.live import NOTHING
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.migrate import require_current
from mailvault.observe.batches import batches_table, selection, selections, unfinished
from mailvault.queue.batches import Batches

if TYPE_CHECKING:
    from mailvault.config import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each batch.")
@pass_settings
def batches(settings: Settings, *, as_json: bool) -> None:
    """List the batches, the newest first: how far each is, and what was asked for.

    \b
    Examples:
      mailvault batches
      mailvault batches --json | jq 'select(.failed > 0).id'
    """
    with connect(settings) as connection:
        require_current(connection)
        standings = Batches(connection).standings()
    if as_json:
        for standing in standings:
            fields = asdict(standing) | {"selection": selection(standing)}
            click.echo(json.dumps(fields, default=lambda time: time.isoformat()))
        return
    if not standings:
        click.echo(NOTHING)
        return
    Console().print(batches_table(standings))
    for line in (*selections(standings), *unfinished(standings)):
        click.echo(line)
