"""`mailvault retry`: what failed for good, once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailvault.cli.letters import jobs_or_all, read_which, require_known
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.migrate import require_current
from mailvault.queue.failures import Failures

if TYPE_CHECKING:
    from mailvault.config import Settings


@click.command()
@jobs_or_all
@click.option(
    "--reset", is_flag=True, help="Set the attempts to zero, for a full set of new ones."
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@pass_settings
def retry(  # noqa: PLR0913  # one parameter per flag
    settings: Settings,
    *,
    jobs: tuple[int, ...],
    everything: bool,
    reason: str | None,
    batch: int | None,
    reset: bool,
    limit: int | None,
) -> None:
    """Send what failed back to the outbox: some jobs, those of a reason or a batch, or all.

    Without --reset each gets one more attempt; --reset alone means all. What was cleared goes
    back only by the number of its job.

    \b
    Examples:
      mailvault retry --reason file_missing --reset
      mailvault retry --batch 3 --reset
      mailvault retry 17 18
      mailvault retry --all --limit 100
    """
    everything = everything or (reset and not jobs)
    which = read_which(jobs, reason, batch, everything=everything)
    with connect(settings) as connection:
        require_current(connection)
        require_known(connection, which)
        count = Failures(connection).retry(which, reset=reset, limit=limit)
    click.echo(f"{count:,} sent back to the outbox")
    if jobs and count < len(set(jobs)) and limit is None:
        click.echo("the others are not among the failed; see: mailvault failed list", err=True)
        raise click.exceptions.Exit(1)
