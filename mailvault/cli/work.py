"""`mailvault work`: move mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailvault.bandwidth import Timetable
from mailvault.cli.moving import move, moving_options, processes_option
from mailvault.cli.reading import read_by
from mailvault.cli.settings import pass_settings
from mailvault.hours import Hours

if TYPE_CHECKING:
    from mailvault.config import Compression, LogFormat, Settings, UploaderChoice


@click.command()
@processes_option
@moving_options(read_by)
@click.option("--drain", is_flag=True, help="End when nothing is left to do.")
@click.option(
    "--restart",
    is_flag=True,
    help="Replace each process that crashed, or ended at --max-jobs or --memory-limit.",
)
@click.option("--of", "_mark", hidden=True, expose_value=False)  # for mailvault workers to find it
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
    memory_limit: int | None,
    restart: bool,
    uploader: UploaderChoice,
    log_format: LogFormat | None,
) -> None:
    """Move what was enqueued, and wait for more until told to stop.

    SIGTERM or Ctrl-C: finish what is in flight, give the rest back, end. A second one: at once.

    \b
    Examples:
      mailvault work -j 16
      mailvault work -j 32 --processes 4 --drain
      mailvault work --processes 4 --restart --memory-limit 400M
      mailvault work --bwlimit "08:00,2M 18:00,off"
      mailvault work --window 22:00-06:00
      mailvault work --compress zstd
    """
    # The store's libraries take a third of a second to import, which only this command needs.
    from mailvault.worker.options import WorkOptions  # noqa: PLC0415
    from mailvault.worker.stop import Stop  # noqa: PLC0415

    bandwidth = bwlimit or Timetable.parse(settings.migration_bwlimit)
    options = WorkOptions(
        concurrency=concurrency or settings.migration_workers,
        uploader=uploader,
        drain=drain,
        max_jobs=max_jobs,
        max_memory=memory_limit,
        bandwidth=bandwidth.shared(processes),
        compress=compress or settings.migration_compress,
        window=window or Hours.parse(settings.migration_window),
    )
    stop = Stop()
    stop.listen_to_signals()
    code = move(
        settings, options, stop, processes=processes, restart=restart,
        log_format=log_format or settings.migration_log_format,
    )  # fmt: skip
    if code:
        raise click.exceptions.Exit(code)
