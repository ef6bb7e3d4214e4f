"""`mailvault pause`, `resume` and `cancel`: what all workers obey, wherever they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from mailvault.cli.progress import progress_bar
from mailvault.cli.reading import number_or_default, read_by, span
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.errors import ConfigError
from mailvault.migrate import require_current
from mailvault.observe.text import paused
from mailvault.queue.batches import Batches
from mailvault.queue.control import Control

if TYPE_CHECKING:
    from datetime import timedelta

    from mailvault.config import Settings

CHUNK = 10_000
"""Jobs that are cancelled in one transaction."""


@click.command()
@click.option(
    "--for",
    "time",
    callback=read_by(span),
    metavar="TIME",
    help="Go on by itself after 90s, 15m, 2h or 1d.",
)
@pass_settings
def pause(settings: Settings, *, time: timedelta | None) -> None:
    """Have all workers wait: they finish what is in upload and give the rest back.

    It lasts until `mailvault resume`, or for the time given, whatever is restarted meanwhile.
    Enqueuing goes on.

    \b
    Examples:
      mailvault pause
      mailvault pause --for 2h
    """
    with connect(settings) as connection:
        require_current(connection)
        control = Control(connection)
        control.pause(time)
        state = control.paused()
    assert state is not None
    click.echo(paused(state))


@click.command()
@pass_settings
def resume(settings: Settings) -> None:
    """Have all workers go on after a pause.

    \b
    Example:
      mailvault resume
    """
    with connect(settings) as connection:
        require_current(connection)
        control = Control(connection)
        was_paused = control.paused() is not None
        control.resume()
    click.echo("going on" if was_paused else "nothing was paused")


@click.group(name="set")
def set_() -> None:
    """Set what all workers keep to, wherever they run; they obey within two seconds.

    \b
    Example:
      mailvault set concurrency 8
    """


@set_.command()
@click.argument("emails", metavar="EMAILS|default", callback=read_by(number_or_default))
@pass_settings
def concurrency(settings: Settings, *, emails: int) -> None:
    """Have at most so many emails in flight, of all workers of all machines together.

    Each worker has its share of them, and never more than it was started with; `default` is what
    each was started with.

    \b
    Examples:
      mailvault set concurrency 8
      mailvault set concurrency default
    """
    with connect(settings) as connection:
        require_current(connection)
        Control(connection).set_concurrency(emails or None)
    said = f"{emails:,} together" if emails else "as many as each worker was started with"
    click.echo(f"emails in flight: {said}")


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
