"""`mailvault work`: move mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, get_args

import click
from rich.console import Console

from mailvault.bandwidth import Timetable
from mailvault.cli.live import live_progress
from mailvault.cli.log import log_to
from mailvault.cli.settings import pass_settings
from mailvault.config import Compression, UploaderChoice
from mailvault.hours import Hours

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings

T = TypeVar("T")


def _read_by(parse: Callable[[str], T]) -> Callable[..., T | None]:
    def callback(_: click.Context, __: click.Parameter, text: str | None) -> T | None:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


@click.command()
@click.option(
    "-j",
    "--concurrency",
    type=click.IntRange(1, 4096),
    help="Emails in flight in each process.  [default: MIGRATION_WORKERS, 16]",
)
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option(
    "--bwlimit",
    callback=_read_by(Timetable.parse),
    metavar="RATE",
    help="A second, of all processes together: 10M, or by the hour; a bare number is in KiB.  "
    "[default: MIGRATION_BWLIMIT, off]",
)
@click.option(
    "--window",
    callback=_read_by(Hours.parse),
    metavar="HOURS",
    help="When to work, in local time: 22:00-06:00.  [default: MIGRATION_WINDOW, always]",
)
@click.option(
    "--compress",
    type=click.Choice(get_args(Compression)),
    help="Compress text on its way to the store.  [default: MIGRATION_COMPRESS, none]",
)
@click.option("--drain", is_flag=True, help="End when nothing is left to do.")
@click.option("--max-jobs", type=click.IntRange(min=1), help="End each process after so many.")
@click.option(
    "--uploader",
    type=click.Choice(get_args(UploaderChoice)),
    default="auto",
    show_default=True,
    help="auto takes rust where the extension is there.",
)
@pass_settings
def work(  # noqa: PLR0913  # one parameter per flag
    settings: Settings,
    *,
    concurrency: int | None,
    processes: int,
    bwlimit: Timetable | None,
    window: Hours | None,
    compress: Compression | None,
    drain: bool,
    max_jobs: int | None,
    uploader: UploaderChoice,
) -> None:
    """Move what was enqueued, and wait for more until told to stop.

    SIGTERM or Ctrl-C: finish what is in flight, give the rest back, end. A second one: at once.

    \b
    Examples:
      mailvault work -j 16
      mailvault work -j 32 --processes 4 --drain
      mailvault work --bwlimit "08:00,2M 18:00,off"
      mailvault work --window 22:00-06:00
      mailvault work --compress zstd
    """
    # The store's libraries take a third of a second to import, which only this command needs.
    from mailvault.worker.process import WorkOptions, run_worker  # noqa: PLC0415
    from mailvault.worker.processes import run_processes  # noqa: PLC0415
    from mailvault.worker.stop import Stop  # noqa: PLC0415

    bandwidth = bwlimit or Timetable.parse(settings.migration_bwlimit)
    options = WorkOptions(
        concurrency=concurrency or settings.migration_workers,
        uploader=uploader,
        drain=drain,
        max_jobs=max_jobs,
        bandwidth=bandwidth.shared(processes),
        compress=compress or settings.migration_compress,
        window=window or Hours.parse(settings.migration_window),
    )
    stop = Stop()
    stop.listen_to_signals()
    console = Console(stderr=True)
    log_to(console)
    with live_progress(settings, console):
        if processes == 1:
            result = run_worker(settings, options, stop)
            code = 1 if result.dead else 0
        else:
            code = run_processes(settings, options, stop, processes, log_to)
    if code:
        raise click.exceptions.Exit(code)
