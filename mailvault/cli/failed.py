"""`mailvault failed` and `mailvault retry`: what failed for good, and again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.migrate import require_current
from mailvault.queue.failures import Failures

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.queue.failures import DeadLetter

SHOWN = 50


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, all of them.")
@pass_settings
def failed(settings: Settings, *, as_json: bool) -> None:
    """List the emails that failed for good, each with its reason.

    \b
    Examples:
      mailvault failed
      mailvault failed --json | jq -r .reason | sort | uniq -c
    """
    with connect(settings) as connection:
        require_current(connection)
        failures = Failures(connection)
        if as_json:
            for letter in failures.each():
                died_at = letter.died_at.isoformat()
                click.echo(json.dumps(asdict(letter) | {"died_at": died_at}))
            return
        count = failures.count()
        if count == 0:
            click.echo("nothing has failed")
            return
        Console().print(_table(list(failures.each(limit=SHOWN))))
        more = (
            f", of which {SHOWN} are shown; all: mailvault failed --json" if count > SHOWN else ""
        )
        click.echo(f"{count:,} failed{more}. Again: mailvault retry --all --reset")


def _table(letters: list[DeadLetter]) -> Table:
    table = Table("job", "email", "batch", "attempts", "reason", "what happened", box=box.SIMPLE)
    for letter in letters:
        table.add_row(
            str(letter.job), escape(letter.email), str(letter.batch), str(letter.attempts),
            letter.reason, escape(letter.message),
        )  # fmt: skip
    return table


@click.command()
@click.argument("jobs", type=int, nargs=-1, metavar="[JOB]...")
@click.option("--all", "everything", is_flag=True, help="Everything that failed.")
@click.option(
    "--reset", is_flag=True, help="Set the attempts to zero, for a full set of new ones."
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@pass_settings
def retry(
    settings: Settings, *, jobs: tuple[int, ...], everything: bool, reset: bool, limit: int | None
) -> None:
    """Send what failed back to the outbox: some jobs, or all (which is what --reset alone means).

    Without --reset each gets one more attempt.

    \b
    Examples:
      mailvault retry --reset
      mailvault retry 17 18
      mailvault retry --all --limit 100
    """
    if jobs and everything:
        raise click.UsageError("name jobs, or say --all")
    if not jobs and not everything and not reset:
        raise click.UsageError("say what to retry: job numbers, --all, or --reset for all anew")
    with connect(settings) as connection:
        require_current(connection)
        count = Failures(connection).retry(jobs or None, reset=reset, limit=limit)
    click.echo(f"{count:,} sent back to the outbox")
    if jobs and count < len(set(jobs)) and limit is None:
        click.echo("the others are not among the failed; see: mailvault failed", err=True)
        raise click.exceptions.Exit(1)
