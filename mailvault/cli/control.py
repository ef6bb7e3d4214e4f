"""`mailvault pause`, `resume` and `cancel`: what all workers obey, wherever they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from mailvault.cli.progress import progress_bar
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.errors import ConfigError
from mailvault.migrate import require_current
from mailvault.queue.batches import Batches
from mailvault.queue.control import Control

if TYPE_CHECKING:
    from mailvault.config import Settings

CHUNK = 10_000
"""Jobs that are cancelled in one transaction."""


@click.command()
@pass_settings
def pause(settings: Settings) -> None:
    """Have all workers wait: they finish what is in upload and give the rest back.

    It lasts until `mailvault resume`, whatever is restarted meanwhile. Enqueuing goes on.
    """
    with connect(settings) as connection:
        require_current(connection)
        control = Control(connection)
        control.pause()
        state = control.paused()
    assert state is not None
    since, by = state
    click.echo(f"paused since {since:%Y-%m-%d %H:%M:%S %Z} by {by}; go on: mailvault resume")


@click.command()
@pass_settings
def resume(settings: Settings) -> None:
    """Have all workers go on after a pause."""
    with connect(settings) as connection:
        require_current(connection)
        control = Control(connection)
        was_paused = control.paused() is not None
        control.resume()
    click.echo("going on" if was_paused else "nothing was paused")


@click.command()
@click.option("--batch", "batch_id", type=int, required=True, metavar="ID", help="This batch.")
@pass_settings
def cancel(settings: Settings, *, batch_id: int) -> None:
    """Take the jobs of a batch back from the queue, where they are not done.

    What is stored stays stored, what failed stays listed, and what a worker has in upload is
    finished. The emails that are left can be enqueued again.

    \b
    Examples:
      mailvault cancel --batch 3
    """
    with connect(settings) as connection:
        require_current(connection)
        batches = Batches(connection)
        batch = batches.find(batch_id)
        if batch.state == "open":
            raise ConfigError(
                f"batch {batch_id} is what the application dispatches itself, and has no end",
                hint="mailvault pause holds all workers",
            )
        cancelled = 0
        with progress_bar(
            Console(stderr=True), "cancelling", total=batch.dispatched, done=0
        ) as advance:
            for count in batches.cancel(batch, CHUNK):
                cancelled += count
                advance(count)
    click.echo(f"batch {batch_id}: {cancelled:,} jobs cancelled")
