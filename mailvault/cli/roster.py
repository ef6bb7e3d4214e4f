"""`mailvault workers status`, `list` and `monitor`: which there are, and how they are."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import psycopg
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from mailvault.cli.crew import Rates, Row, holds, sums, table
from mailvault.cli.live import INTERVAL_TERMINAL, SILENCE, intervals
from mailvault.cli.settings import pass_settings
from mailvault.db import connect, explain
from mailvault.errors import UnreachableError
from mailvault.migrate import require_current
from mailvault.queue.control import Control, Pause
from mailvault.queue.roster import living
from mailvault.worker.machine import is_alive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from mailvault.config import Settings
    from mailvault.queue.roster import Worker

SCHEMA_VERSION = 1

PLAIN_WIDTH = 160
"""Columns of a table that no terminal has to show."""

NONE = "no workers run; start some: mailvault workers start 4"

FRAME = 6
"""Lines that the screen of `monitor` has besides workers and what holds them."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
@pass_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show the workers of this machine, and whether all are well.

    Exits with 0 if there is at least one, and each is alive and was heard of in the last 20
    seconds; else with 1. Fit for a container's health check.

    \b
    Examples:
      mailvault workers status
      mailvault workers status --json | jq '.workers[].pid'
    """
    with connect(settings) as connection:
        require_current(connection)
        workers = living(connection, socket.gethostname())
        pause = Control(connection).paused()
    rows = [Row(worker, is_gone=is_gone) for worker, is_gone in _with_fate(workers)]
    is_well = bool(rows) and all(row.is_well for row in rows)
    _print(rows, pause, as_json=as_json, hosts=False)
    if not is_well:
        raise click.exceptions.Exit(1)


def _with_fate(workers: Sequence[Worker]) -> list[tuple[Worker, bool]]:
    """Pair workers of this machine with whether they are gone."""
    # Where a container came up again, a new process has the id of one before.
    latest = {worker.pid: worker.worker for worker in workers}
    return [
        (worker, latest[worker.pid] != worker.worker or not is_alive(worker.pid))
        for worker in workers
    ]


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
@pass_settings
def list_(settings: Settings, *, as_json: bool) -> None:
    """Show the workers of all machines.

    \b
    Examples:
      mailvault workers list
      mailvault workers list --json | jq '.workers | group_by(.host) | map(length)'
    """
    with connect(settings) as connection:
        require_current(connection)
        rows = [Row(worker) for worker in living(connection)]
        pause = Control(connection).paused()
    _print(rows, pause, as_json=as_json, hosts=True)


def _print(rows: Sequence[Row], pause: Pause | None, *, as_json: bool, hosts: bool) -> None:
    if as_json:
        found = [asdict(row.worker) | {"state": row.state, "well": row.is_well} for row in rows]
        shown = {"schema_version": SCHEMA_VERSION, "workers": found}
        click.echo(json.dumps(shown, default=lambda time: time.isoformat()))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    if rows:
        console.print(table(rows, console.width, hosts=hosts, rates=False))
        console.print(sums(rows, rates=False), highlight=False)
    else:
        console.print(NONE, highlight=False)
    for line in holds(rows, pause):
        console.print(line)


@click.command()
@pass_settings
def monitor(settings: Settings) -> None:
    """Watch the workers of all machines, until Ctrl-C.

    On a terminal it fills the screen, and is kept up to date each second; in a pipe it writes a
    line now and then. Emails a second are those between a worker's last two heartbeats,
    which come every five seconds.

    \b
    Example:
      mailvault workers monitor
    """
    with connect(settings) as connection:
        require_current(connection)
    view = _View(settings)
    console = Console()
    if not console.is_terminal:
        for interval in intervals():
            click.echo(view.look().line())
            time.sleep(interval)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(view.look().screen(console.width, console.height), refresh=True)
            time.sleep(INTERVAL_TERMINAL)


class _View:
    """What is known of the workers; while the database is away, what was known last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rates = Rates()
        self._rows: list[Row] = []
        self._pause: Pause | None = None
        self._fault: str | None = None

    def look(self) -> _View:
        try:
            with connect(self._settings, silence=SILENCE) as connection:
                workers = living(connection)
                self._pause = Control(connection).paused()
        except UnreachableError as error:
            self._fault = str(error)
        except psycopg.Error as error:
            self._fault = str(explain(error))
        else:
            self._fault = None
            self._rates.note(workers, time.monotonic())
            self._rows = [Row(worker, self._rates.of(worker)) for worker in workers]
        return self

    def _says(self) -> list[Text]:
        fault = [Text(self._fault, style="bold red")] if self._fault else []
        return fault + holds(self._rows, self._pause)

    def line(self) -> str:
        """Return it in one line."""
        if not self._rows and not self._fault:
            return NONE
        return "; ".join([sums(self._rows, rates=True), *(text.plain for text in self._says())])

    def screen(self, width: int, height: int) -> RenderableType:
        """Return what fits a screen: those that are not well come first."""
        says = self._says()
        hosts = len({row.worker.host for row in self._rows})
        title = f"mailvault workers on {hosts} machine{'s' * (hosts != 1)}"
        parts: list[RenderableType] = [_ends(title, f"{time.strftime('%H:%M:%S')}", width), ""]
        room = max(height - FRAME - len(says), 1)
        rows = sorted(self._rows, key=lambda row: row.is_well)
        if rows:
            parts.append(table(rows[:room], width, hosts=True, rates=True))
        else:
            parts.append(NONE)
        if len(rows) > room:
            parts.append(Text(f"and {len(rows) - room} more", style="dim"))
        parts += ["", Text(sums(rows, rates=True), style="bold")]
        for text in says:
            text.truncate(width, overflow="ellipsis")
        return Group(*parts, *says)


def _ends(left: str, right: str, width: int) -> Text:
    space = " " * max(width - len(left) - len(right), 1)
    return Text.assemble((left, "bold"), space, (right, "dim"), no_wrap=True)
