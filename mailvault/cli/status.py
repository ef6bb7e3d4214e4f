"""`mailvault status`: how far it is."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live

from mailvault.cli.live import INTERVAL_TERMINAL, NOTHING, intervals, screen
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.migrate import require_current
from mailvault.observe.render import line, render
from mailvault.observe.snapshot import take_snapshot

if TYPE_CHECKING:
    import psycopg

    from mailvault.config import Settings


@click.command()
@click.option("--batch", type=int, metavar="ID", help="This batch only.")
@click.option("--watch", is_flag=True, help="Stay and keep it up to date.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
@pass_settings
def status(settings: Settings, *, batch: int | None, watch: bool, as_json: bool) -> None:
    """Show how far the migration is, of all batches together or of one.

    \b
    Examples:
      mailvault status --watch
      mailvault status --json | jq .batch.completion_pct
    """
    with connect(settings) as connection:
        require_current(connection)
        if watch:
            _watch(connection, batch, as_json=as_json)
        else:
            _show(connection, batch, as_json=as_json)


def _show(connection: psycopg.Connection, batch: int | None, *, as_json: bool) -> None:
    snapshot = take_snapshot(connection, batch)
    if as_json:
        click.echo(json.dumps(snapshot))
    elif snapshot is None:
        click.echo(NOTHING)
    else:
        Console().print(render(snapshot))


def _watch(connection: psycopg.Connection, batch: int | None, *, as_json: bool) -> None:
    console = Console()
    if as_json or not console.is_terminal:
        for interval in intervals():
            snapshot = take_snapshot(connection, batch)
            text = json.dumps(snapshot) if as_json else line(snapshot) if snapshot else NOTHING
            click.echo(text)
            time.sleep(interval)
    try:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while True:
                live.update(screen(connection, batch, console.height), refresh=True)
                time.sleep(INTERVAL_TERMINAL)
    finally:
        # What was seen last stays behind when the screen goes.
        _show(connection, batch, as_json=False)
