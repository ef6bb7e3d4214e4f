"""Progress beside a command that works: live on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
from rich.live import Live

from mailvault.db import connect
from mailvault.errors import MailvaultError
from mailvault.observe.render import line, render
from mailvault.observe.snapshot import take_details, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from mailvault.config import Settings
    from mailvault.observe.snapshot import Snapshot

log = logging.getLogger(__name__)

INTERVAL_TERMINAL = 1.0
INTERVAL_PIPE = 5.0
LONGEST_INTERVAL = 30.0
"""Seconds between lines in a pipe: ever more of them, for what takes days."""

LOGGED = 4
"""Lines of the terminal that are left for the log."""

NOTHING = "nothing was enqueued yet; start with: mailvault migrate, or mailvault enqueue --all"

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
        for interval in intervals():
            if ended.wait(interval):
                return
            _say(_look(settings))
    with Live(console=console, auto_refresh=False) as live:
        over = False
        while not over:
            over = ended.wait(INTERVAL_TERMINAL)
            with (
                suppress(MailvaultError, psycopg.Error),
                connect(settings, silence=SILENCE) as seen,
            ):
                # A few lines are left for what the log says above.
                live.update(screen(seen, None, console.height - LOGGED), refresh=True)


def intervals() -> Iterator[float]:
    """Yield the seconds to wait before each line in a pipe."""
    interval = INTERVAL_PIPE
    while True:
        yield interval
        interval = min(1.2 * interval, LONGEST_INTERVAL)


def screen(connection: psycopg.Connection, batch: int | None, height: int) -> RenderableType:
    """Return all that there is to see, in so many lines at the most."""
    snapshot = take_snapshot(connection, batch)
    if snapshot is None:
        return NOTHING
    return render(snapshot, take_details(connection, batch), height)


def _say(snapshot: Snapshot | None) -> None:
    if snapshot is not None:
        log.info("%s", line(snapshot))


def _look(settings: Settings) -> Snapshot | None:
    """Take a snapshot on a connection of its own; None while the database is away."""
    try:
        with connect(settings, silence=SILENCE) as connection:
            return take_snapshot(connection)
    except (MailvaultError, psycopg.Error):
        return None
