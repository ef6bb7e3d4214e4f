"""What moves mail: the options of `mailvault work` and of what starts it, and the work itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from mailvault.bandwidth import Timetable
from mailvault.cli.live import live_progress
from mailvault.cli.log import log_console, log_to
from mailvault.cli.reading import size
from mailvault.cli.secrets import secrets_of
from mailvault.config import Compression, LogFormat, UploaderChoice
from mailvault.hours import Hours

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings
    from mailvault.worker.options import WorkOptions
    from mailvault.worker.stop import Stop

C = TypeVar("C", bound="Callable[..., Any]")

concurrency_option = click.option(
    "-j",
    "--concurrency",
    type=click.IntRange(1, 4096),
    help="Emails in flight in each process.  [default: MIGRATION_WORKERS, 16]",
)
processes_option = click.option(
    "--processes", type=click.IntRange(1, 256), default=1, show_default=True
)


def moving_options(read: Callable[[Callable[[str], Any]], Callable[..., Any]]) -> Callable[[C], C]:
    """Return the decorator that adds them; what is written freely goes through `read`."""
    options = [
        concurrency_option,
        click.option(
            "--bwlimit",
            callback=read(Timetable.parse),
            metavar="RATE",
            help="A second, of all processes together: 10M, or by the hour; a bare number is in "
            "KiB.  [default: MIGRATION_BWLIMIT, off]",
        ),
        click.option(
            "--window",
            callback=read(Hours.parse),
            metavar="HOURS",
            help="When to work, in local time: 22:00-06:00.  [default: MIGRATION_WINDOW, always]",
        ),
        click.option(
            "--compress",
            type=click.Choice(get_args(Compression)),
            help="Compress text on its way to the store.  [default: MIGRATION_COMPRESS, none]",
        ),
        click.option(
            "--max-jobs", type=click.IntRange(min=1), help="End each process after so many."
        ),
        click.option(
            "--memory-limit",
            callback=read(size),
            metavar="SIZE",
            help="End each process that takes more, when what it has in flight is done: 300M.",
        ),
        click.option(
            "--uploader",
            type=click.Choice(get_args(UploaderChoice)),
            default="auto",
            show_default=True,
            help="auto takes rust where the extension is there.",
        ),
        click.option(
            "--log-format",
            type=click.Choice(get_args(LogFormat)),
            help="auto is for a person on a terminal, plain lines elsewhere.  "
            "[default: MIGRATION_LOG_FORMAT, auto]",
        ),
    ]

    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def move(  # noqa: PLR0913  # what a command was asked for
    settings: Settings,
    options: WorkOptions,
    stop: Stop,
    *,
    processes: int,
    restart: bool,
    log_format: LogFormat,
) -> int:
    """Move mail in this process or in several, with a log and with progress; return the exit code.

    With `restart`, a process that crashed or is spent is replaced.
    """
    # The store's libraries take a third of a second to import.
    from mailvault.worker.process import run_worker  # noqa: PLC0415
    from mailvault.worker.processes import run_processes  # noqa: PLC0415

    start_log = partial(log_to, log_format, secrets_of(settings))
    console = log_console(log_format)
    start_log(console)
    with live_progress(settings, console):
        if processes == 1 and not restart:
            return run_worker(settings, options, stop).exit_code
        return run_processes(settings, options, stop, processes, start_log, restart=restart)
