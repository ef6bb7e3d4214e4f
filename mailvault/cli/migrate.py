"""`mailvault migrate`: the whole run, from the first look to the summary."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.filesize import decimal

from mailvault.bandwidth import Timetable
from mailvault.cli.dispatching import dispatch
from mailvault.cli.doctor import show_finding
from mailvault.cli.moving import concurrency_option, move, processes_option
from mailvault.cli.plan import show_plan
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.errors import ConfigError
from mailvault.hours import Hours
from mailvault.observe.snapshot import take_snapshot
from mailvault.observe.text import duration, number
from mailvault.queue.batches import Batches, Selection
from mailvault.source.mapping.load import load_mapping

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.observe.snapshot import Snapshot
    from mailvault.queue.batches import Batch, Measure
    from mailvault.worker.stop import Stop

INTERRUPTED = 130


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask; for scripts.")
@click.option("--dry-run", is_flag=True, help="Only look, and say what it would do.")
@click.option("--resume", type=int, metavar="BATCH", help="Go on with this batch.")
@concurrency_option
@processes_option
@pass_settings
def migrate(  # noqa: PLR0913  # one parameter per flag
    settings: Settings,
    *,
    yes: bool,
    dry_run: bool,
    resume: int | None,
    concurrency: int | None,
    processes: int,
) -> None:
    """Move all mail that is not moved yet: look, plan, ask, move, and sum up.

    It is doctor, enqueue --all and work --drain in one. Ctrl-C ends it after what is in flight;
    nothing is lost, and it says how to go on. Exits with 1 if emails failed for good or are left.

    \b
    Examples:
      mailvault migrate --dry-run
      mailvault migrate
      mailvault migrate --yes --processes 4
      mailvault migrate --resume 3
    """
    # The store's libraries take a third of a second to import.
    from mailvault.worker.stop import Stop  # noqa: PLC0415

    console = Console()
    if not (yes or dry_run or console.is_terminal):
        raise click.UsageError("nobody can be asked here: say --yes, or --dry-run")
    _check(settings, console)
    flights = (concurrency or settings.migration_workers) * processes
    with connect(settings) as connection:
        batches = Batches(connection)
        batch = None if resume is None else batches.find(resume)
        measure = None if batch else _plan(settings, batches, console, flights, processes)
        if dry_run:
            return
        if not yes:
            click.confirm("Go on?", abort=True)
        try:
            batch = _enqueue(batches, batch, measure, settings.migration_batch_size)
        except KeyboardInterrupt:
            raise _interrupted(None) from None
    stop = Stop()
    stop.listen_to_signals()
    code = _work(settings, stop, concurrency or settings.migration_workers, processes)
    _finish(settings, batch, console, stop, code)


def _check(settings: Settings, console: Console) -> None:
    from mailvault.observe.doctor import examine_database, examine_store  # noqa: PLC0415

    mapping = load_mapping()
    with connect(settings) as connection:
        found = examine_database(connection, mapping)
    problems = 0
    for finding in chain(found, examine_store(settings)):
        if finding.severity in {"warning", "problem"}:
            show_finding(finding)
        problems += finding.severity == "problem"
    if problems:
        raise ConfigError(
            f"{problems} problem{'s' if problems > 1 else ''} to be mended first",
            hint="all that was looked at: mailvault doctor",
        )
    console.print(
        "[green]ok[/]  the database, the source and the bucket: mailvault doctor has more"
    )


def _plan(
    settings: Settings, batches: Batches, console: Console, flights: int, processes: int
) -> Measure:
    with console.status("counting what there is to move"):
        measure = batches.measure(Selection())
    if measure.emails:
        console.print(show_plan(settings, measure, flights=flights, processes=processes))
    return measure


def _enqueue(
    batches: Batches, batch: Batch | None, measure: Measure | None, chunk_size: int
) -> Batch | None:
    batch = batch or batches.open(Selection(), measure)
    if batch is None:
        click.echo("every email was dispatched before; what is left of them is moved")
        return None
    if batch.state not in {"enqueuing", "enqueued"}:
        raise ConfigError(
            f"batch {batch.id} is {batch.state}", hint="mailvault migrate starts anew"
        )
    done = dispatch(batches, batch, chunk_size)
    click.echo(f"batch {batch.id}: {done:,} emails dispatched")
    return batch


def _work(settings: Settings, stop: Stop, concurrency: int, processes: int) -> int:
    from mailvault.worker.options import WorkOptions  # noqa: PLC0415

    options = WorkOptions(
        concurrency=concurrency,
        drain=True,
        bandwidth=Timetable.parse(settings.migration_bwlimit).shared(processes),
        compress=settings.migration_compress,
        window=Hours.parse(settings.migration_window),
    )
    return move(
        settings, options, stop, processes=processes, log_format=settings.migration_log_format,
        restart=processes > 1,
    )  # fmt: skip


def _finish(
    settings: Settings, batch: Batch | None, console: Console, stop: Stop, code: int
) -> None:
    with connect(settings) as connection:
        snapshot = take_snapshot(connection, batch.id if batch else None)
    if snapshot is None:
        click.echo("there is no mail to move")
        return
    _sum_up(snapshot, console)
    left = snapshot["batch"]["remaining"]
    if left and stop.was_asked:
        raise _interrupted(batch)
    if left:
        # Told to by somebody, or by what is wrong with the machine; the log above has it.
        says = f"{left:,} emails are left, since the workers ended before; go on: {_again(batch)}"
        click.echo(says, err=True)
        raise click.exceptions.Exit(code or 1)
    if snapshot["batch"]["failed"]:
        raise click.exceptions.Exit(1)


def _sum_up(snapshot: Snapshot, console: Console) -> None:
    batch, stored = snapshot["batch"], snapshot["stored"]
    elapsed = batch["elapsed_s"]
    average = 60 * batch["processed"] / elapsed if elapsed else None
    console.print(
        f"{batch['processed']:,} of {batch['total']:,} emails stored, {batch['failed']:,} failed; "
        f"{stored['parts']:,} objects, {decimal(stored['bytes'])}, in {duration(elapsed)} "
        f"({number(average)} emails/min)",
        highlight=False,
        soft_wrap=True,
    )
    for failure in snapshot["failures"]:
        console.print(
            f"  {failure['count']:,} {failure['reason']}: {failure['example']}",
            markup=False,
            highlight=False,
        )
        console.print(f"    → {failure['hint']}", style="dim", markup=False, highlight=False)


def _interrupted(batch: Batch | None) -> click.exceptions.Exit:
    said = "stopped; nothing is lost, and what was in flight is given back. Go on: "
    click.echo(said + _again(batch))
    return click.exceptions.Exit(INTERRUPTED)


def _again(batch: Batch | None) -> str:
    return f"mailvault migrate --resume {batch.id}" if batch else "mailvault migrate"
