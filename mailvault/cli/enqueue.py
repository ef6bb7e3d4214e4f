"""`mailvault enqueue`: say what to move."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import psycopg
from rich.filesize import decimal

from mailvault.cli.dispatching import dispatch
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.errors import ConfigError
from mailvault.migrate import require_current
from mailvault.queue.batches import Batches, Selection
from mailvault.queue.position import ORDINARY, PRIORITIES

if TYPE_CHECKING:
    from mailvault.config import Settings

DATE = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"])


@click.command()
@click.option("--all", "everything", is_flag=True, help="All emails that are not moved yet.")
@click.option("--id", "keys", multiple=True, metavar="KEY", help="This email; may be repeated.")
@click.option("--since", type=DATE, help="Emails received at this time (UTC) or later.")
@click.option("--until", type=DATE, help="Emails received before this time (UTC).")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many emails.")
@click.option(
    "--priority",
    type=click.IntRange(0, PRIORITIES - 1),
    default=ORDINARY,
    show_default=True,
    help="0 is moved first, 9 last.",
)
@click.option("--batch-size", type=click.IntRange(1, 100_000), help="Emails per transaction.")
@click.option("--dry-run", is_flag=True, help="Only say what it would do.")
@click.option("--resume", type=int, metavar="BATCH", help="Go on with an interrupted batch.")
@pass_settings
def enqueue(  # noqa: PLR0913  # one parameter per flag
    settings: Settings,
    *,
    everything: bool,
    keys: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    priority: int,
    batch_size: int | None,
    dry_run: bool,
    resume: int | None,
) -> None:
    """Put emails into the outbox, for `mailvault work` to move.

    An email is dispatched once, however often it is asked for. An interrupted run is gone on with
    by --resume, or by asking again. What the application dispatches itself, with
    mailvault.enqueue(id) in its own transactions, has priority 1.

    \b
    Examples:
      mailvault enqueue --all --dry-run
      mailvault enqueue --since 2024-01-01 --until 2025-01-01 --priority 3
      mailvault enqueue --id 17 --id 18
    """
    chosen = everything or keys or since or until or limit
    if bool(chosen) == (resume is not None):
        raise click.UsageError(
            "say which emails: --all, --id, --since, --until, --limit; or which batch to --resume"
        )
    if everything and keys:
        raise click.UsageError("--all and --id exclude each other")
    if since and until and since >= until:
        raise click.UsageError("--since must be before --until")
    selection = Selection(_utc(since), _utc(until), list(keys) or None, limit, priority)
    with connect(settings) as connection:
        require_current(connection)
        batches = Batches(connection)
        _refuse_unknown(batches, selection)
        if dry_run:
            _tell(batches, selection if resume is None else None, resume)
            return
        batch = batches.open(selection) if resume is None else batches.find(resume)
        if batch is None:
            click.echo("nothing to enqueue: there is no such email that was not dispatched before")
            return
        if batch.state not in {"enqueuing", "enqueued"}:
            raise ConfigError(
                f"batch {batch.id} is {batch.state}", hint="what is left of it: enqueue it anew"
            )
        now = dispatch(batches, batch, batch_size or settings.migration_batch_size)
    click.echo(f"batch {batch.id}: {now - batch.dispatched:,} emails dispatched")


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _refuse_unknown(batches: Batches, selection: Selection) -> None:
    try:
        unknown = batches.unknown_keys(selection)
    except psycopg.DataError as error:
        raise ConfigError(f"--id: {str(error).splitlines()[0]}") from None
    if unknown:
        raise ConfigError(f"there is no email with the id {', '.join(unknown[:10])}")


def _tell(batches: Batches, selection: Selection | None, resume: int | None) -> None:
    if selection is None:
        assert resume is not None
        batch = batches.find(resume)
        left = batch.total - batch.dispatched
        click.echo(f"batch {batch.id}: {left:,} of {batch.total:,} emails are still to dispatch")
        return
    measure = batches.measure(selection)
    click.echo(
        f"would dispatch {measure.emails:,} emails with {measure.parts:,} bodies and attachments, "
        f"{decimal(measure.bytes)} ({measure.bytes:,} bytes)"
    )
