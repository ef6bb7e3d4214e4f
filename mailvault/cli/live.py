"""Progress beside a command that works: live on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import psycopg
from rich.live import Live

from mailvault.db import connect
from mailvault.errors import MailvaultError
from mailvault.observe.render import line, render
from mailvault.observe.snapshot import take_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from mailvault.config import Settings
    from mailvault.observe.snapshot import Snapshot

INTERVAL_TERMINAL = 1.0
INTERVAL_PIPE = 5.0
SILENCE = 3.0
"""Seconds that PostgreSQL may take to say how far it is."""


@contextmanager
def live_progress(settings: Settings, console: Console) -> Iterator[None]:
    """Show on a console how far all batches are, until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(settings, console, ended), name="progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if not console.is_terminal:
        _say(_look(settings))


def _show(settings: Settings, console: Console, ended: threading.Event) -> None:
    if not console.is_terminal:
        while not ended.wait(INTERVAL_PIPE):
            _say(_look(settings))
        return
    with Live(console=console, auto_refresh=False, transient=False) as live:
        over = False
        while not over:
            over = ended.wait(INTERVAL_TERMINAL)
            snapshot = _look(settings)
            if snapshot is not None:
                live.update(render(snapshot), refresh=True)


def _say(snapshot: Snapshot | None) -> None:
    if snapshot is not None:
        click.echo(line(snapshot), err=True)


def _look(settings: Settings) -> Snapshot | None:
    """Take a snapshot on a connection of its own; None while the database is away."""
    try:
        with connect(settings, silence=SILENCE) as connection:
            return take_snapshot(connection)
    except (MailvaultError, psycopg.Error):
        return None
