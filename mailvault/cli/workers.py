"""`mailvault workers`: those that run detached, on this machine, and what all of them do."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psutil
from rich.console import Console

from mailvault.cli.control import pause, resume, set_
from mailvault.cli.moving import moving_options
from mailvault.cli.reading import checked_by, read_by, span
from mailvault.cli.roster import list_, monitor, status
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.errors import ConfigError, MailvaultError
from mailvault.migrate import require_current
from mailvault.queue.control import Control
from mailvault.queue.roster import living, told_to_stop
from mailvault.worker import machine

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from mailvault.config import Settings
    from mailvault.worker.machine import Detached

LOG = "mailvault-workers.log"

WATCH = 0.2
"""Seconds between looks at what one waits for."""

UP = 60.0
"""Seconds that workers may take to come up."""

ROUNDING = 2.0
"""Seconds by which a process may seem older than it is."""

AT_ONCE = 20.0
"""Seconds that they may take to end at once."""

TAIL = 10
"""Lines of the log that are shown where workers do not come up."""

timeout_option = click.option(
    "--timeout",
    callback=read_by(span),
    default="40s",
    show_default=True,
    metavar="TIME",
    help="How long to wait: 90s, 15m.",
)


@click.group()
def workers() -> None:
    """Run workers on this machine in the background, and see how those of all machines are.

    \b
    Examples:
      mailvault workers start 4
      mailvault workers status
      mailvault workers monitor
      mailvault workers stop
    """


@workers.command()
@click.argument("count", metavar="[N]", type=click.IntRange(1, 256), default=1)
@moving_options(checked_by)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LOG,
    show_default=True,
    help="Where they write what happens; it is appended to.",
)
@pass_settings
def start(settings: Settings, /, *, count: int, log: Path, **options: object) -> None:
    """Start N workers here that outlive this terminal (one, if N is not given).

    One that crashes is replaced, and so is one that ends at --max-jobs or --memory-limit. Where
    some of this database run here already, only those are started that are missing from N.

    \b
    Examples:
      mailvault workers start 4
      mailvault workers start 4 -j 32 --memory-limit 400M
      mailvault workers start --log /var/log/mailvault.log
    """
    here = sum(each.count for each in _staying(settings))
    if here >= count:
        click.echo(f"nothing to do, {here} run here: mailvault workers restart N changes how many")
        return
    if here:
        click.echo(f"{here} run here already; {count - here} more")
    given = [
        word
        for name, value in options.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    _start(settings, count - here, given, log.resolve(), Path.cwd())


@workers.command()
@timeout_option
@click.option("--all", "everywhere", is_flag=True, help="Those of all machines.")
@pass_settings
def stop(settings: Settings, *, timeout: timedelta, everywhere: bool) -> None:
    """End the workers that were started here, or with --all every worker everywhere.

    They finish what is in flight, within 30 seconds, and give the rest back. Those of this machine
    that are not done after --timeout give back what they have at once. This needs no database;
    --all goes through it, and ends those that run in the foreground, too.

    \b
    Examples:
      mailvault workers stop
      mailvault workers stop --timeout 5s
      mailvault workers stop --all
    """
    found = machine.detached(settings)
    ours = [each for each in found if each.is_ours]
    if everywhere:
        _stop_all(settings, ours, timeout)
        return
    _stop(ours, timeout)
    for each in found:
        if each not in ours:
            raise each.not_ours()
    count = sum(each.count for each in found)
    click.echo(f"ended {count} workers here" if found else "none were started here")


@workers.command()
@click.argument("count", metavar="[N]", type=click.IntRange(1, 256), required=False)
@timeout_option
@pass_settings
def restart(settings: Settings, *, count: int | None, timeout: timedelta) -> None:
    """End the workers that were started here, and start as many again, or N.

    They get the options that they were started with, and the settings as they are now.

    \b
    Examples:
      mailvault workers restart
      mailvault workers restart 8
    """
    found = machine.detached(settings)
    if not found:
        raise ConfigError("no workers were started here", hint="mailvault workers start 4")
    plans = [(each.count, each.options, *each.place()) for each in found]
    if count is not None:
        plans = [(count, *plans[0][1:])]
    with connect(settings) as connection:  # before anything ends that could not start again
        require_current(connection)
    _stop(found, timeout)
    failed = 0
    for number, options, directory, log in plans:
        try:
            _start(settings, number, options, log or directory / LOG, directory)
        except (MailvaultError, click.exceptions.Exit) as error:
            failed += number
            if isinstance(error, MailvaultError):
                click.echo(f"mailvault: {error}", err=True)
    if failed:
        raise MailvaultError(
            f"of {failed} workers not all came up", hint="mailvault workers status"
        )


def _staying(settings: Settings) -> list[Detached]:
    """Return those that were started here, once those have ended that were told so elsewhere."""
    with connect(settings) as connection:
        require_current(connection)
        told_before = Control(connection).stopped_before()

    def ending() -> list[Detached]:
        if told_before is None:
            return []
        return [
            each
            for each in machine.detached(settings)
            if time.time() - each.started_at > told_before + ROUNDING
        ]

    if not _wait(lambda: not ending(), "waiting for workers to end that were told to", UP):
        pids = ", ".join(str(each.process.pid) for each in ending())
        raise MailvaultError(
            f"told to end, and still running: {pids}", hint="mailvault workers stop"
        )
    return machine.detached(settings)


def _start(
    settings: Settings, count: int, options: Sequence[str], log: Path, directory: Path
) -> None:
    """Start workers, and wait until all have shown that they live."""
    with connect(settings) as connection:
        require_current(connection)
        begins = log.stat().st_size if log.exists() else 0
        process = machine.start(settings, count, options, log, directory)

        def is_over() -> bool:
            return process.poll() is not None or up() == count

        def up() -> int:
            pids = _children(process)
            heard = [worker.pid for worker in living(connection, socket.gethostname())]
            return len(pids.intersection(heard))

        _wait(is_over, f"waiting for {count} workers", UP)
        code, running = process.poll(), up()
    if code is None and running == count:
        click.echo(f"{count} worker{'s' * (count != 1)} at work; log: {log}")
        return
    click.echo("\n".join(_tail(log, begins)), err=True)
    if code is None:
        says = f"only {running} of {count} workers are up after {UP:.0f} s; the others are retried"
        raise MailvaultError(says, hint=f"see {log}, or: mailvault workers stop")
    click.echo(f"mailvault: the workers ended with code {code}; log: {log}", err=True)
    raise click.exceptions.Exit(code if code > 0 else 1)


def _children(process: subprocess.Popen[bytes]) -> set[int]:
    try:
        return {child.pid for child in psutil.Process(process.pid).children()}
    except psutil.NoSuchProcess:
        return set()


def _tail(log: Path, begins: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(begins)
        return file.read().decode(errors="replace").splitlines()[-TAIL:]


def _stop(found: Sequence[Detached], timeout: timedelta) -> None:
    """End what was started here, and wait until it has ended."""

    def is_over() -> bool:
        return not any(each.is_running for each in found)

    for seconds, urgency in ((timeout.total_seconds(), ""), (AT_ONCE, " at once")):
        for each in found:
            each.end()
        if _wait(is_over, f"waiting for workers to end{urgency}", seconds):
            return
    pids = ", ".join(str(each.process.pid) for each in found if each.is_running)
    raise MailvaultError(f"still running: {pids}", hint=f"at last: kill -9 {pids}")


def _stop_all(settings: Settings, here: Sequence[Detached], timeout: timedelta) -> None:
    """Tell all workers to end, wherever they are; those here, at last, at once."""
    with connect(settings) as connection:
        require_current(connection)
        Control(connection).stop_workers()
        told = told_to_stop(connection)
        count = len(told)
        _stop(here, timeout)

        def is_over() -> bool:
            return not told_to_stop(connection)

        over = _wait(is_over, f"waiting for {count} workers to end", timeout.total_seconds())
        left = told_to_stop(connection)
    if not over and left:
        raise MailvaultError(
            f"told to end, and still at it: {', '.join(left)}", hint="mailvault workers list"
        )
    click.echo(f"ended {count} workers on all machines")


def _wait(is_over: Callable[[], bool], label: str, seconds: float) -> bool:
    """Wait for the end of something, and say so on a terminal; return whether it came."""
    deadline = time.monotonic() + seconds
    console = Console(stderr=True)
    with console.status(label):
        while not is_over():
            if time.monotonic() >= deadline:
                return False
            time.sleep(WATCH)
    return True


for command in (status, list_, monitor, pause, resume, set_):
    workers.add_command(command)
