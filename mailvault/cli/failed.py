"""`mailvault failed`: what failed for good, why, and what to do about it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mailvault.cli.letters import jobs_or_all, read_which, reason_and_batch, require_known
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.migrate import require_current
from mailvault.observe.failures import job_in_full, letters_table, reasons_in_words
from mailvault.observe.hints import hint_for, is_retryable, remedy_for, retry_command
from mailvault.queue.failures import Failures, Which

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.queue.failures import Attempt, JobState, Reason

NOTHING = "nothing has failed"
SHOWN = 50


@click.group(invoke_without_command=True)
@click.option("--batch", type=int, metavar="ID", help="Of this batch only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each reason.")
@click.pass_context
def failed(context: click.Context, *, batch: int | None, as_json: bool) -> None:
    """Show why emails failed for good: how many for each reason, and what to do about it.

    \b
    Examples:
      mailvault failed
      mailvault failed --json | jq -r '[.count, .reason] | @tsv'
      mailvault failed list --reason file_missing
      mailvault failed show 17
      mailvault failed clear --reason file_missing
    """
    if context.invoked_subcommand is None:
        _reasons(batch=batch, as_json=as_json)
    elif batch is not None or as_json:
        raise click.UsageError(f"options go behind the word {context.invoked_subcommand}")


@pass_settings
def _reasons(settings: Settings, *, batch: int | None, as_json: bool) -> None:
    with connect(settings) as connection:
        require_current(connection)
        require_known(connection, Which(batch=batch))
        failures = Failures(connection)
        reasons = failures.reasons(batch)
        count = failures.count(Which(batch=batch))
    if as_json:
        for reason in reasons:
            click.echo(json.dumps(_reason_object(reason, batch)))
        return
    if reasons:
        Console().print(reasons_in_words(reasons, batch))
        only = "" if batch is None else f" --batch {batch}"
        click.echo(f"{count.listed:,} failed. One by one: mailvault failed list{only}")
    else:
        click.echo(NOTHING)
    if count.cleared:
        click.echo(f"{count.cleared:,} more were cleared, and are listed no longer")


def _reason_object(reason: Reason, batch: int | None) -> dict[str, object]:
    return asdict(reason) | {
        "retryable": is_retryable(reason.reason),
        "remedy": remedy_for(reason.reason),
        "command": retry_command(reason.reason, batch),
    }


@failed.command(name="list")
@reason_and_batch
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many.  [default: {SHOWN}; with --json all]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each email.")
@pass_settings
def list_(
    settings: Settings, *, reason: str | None, batch: int | None, limit: int | None, as_json: bool
) -> None:
    """List the emails that failed for good, one by one.

    \b
    Examples:
      mailvault failed list --reason file_missing
      mailvault failed list --json > failed.jsonl
    """
    which = Which(reason=reason, batch=batch)
    with connect(settings) as connection:
        require_current(connection)
        require_known(connection, which)
        failures = Failures(connection)
        if as_json:
            for letter in failures.each(which, limit):
                click.echo(_line(asdict(letter)))
            return
        count = failures.count(which).listed
        letters = list(failures.each(which, limit or SHOWN))
    if not letters:
        click.echo(NOTHING)
        return
    Console().print(letters_table(letters))
    more = f", of which {len(letters):,} are shown" if count > len(letters) else ""
    click.echo(f"{count:,} failed{more}. All about one: mailvault failed show JOB")


@failed.command()
@click.argument("job", type=int)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
@pass_settings
def show(settings: Settings, *, job: int, as_json: bool) -> None:
    """Show how it went with one job: where it is now, and each attempt that failed.

    \b
    Examples:
      mailvault failed show 17
      mailvault failed show 17 --json | jq -r '.attempts[].message'
    """
    with connect(settings) as connection:
        require_current(connection)
        failures = Failures(connection)
        state, attempts = failures.find(job), failures.attempts(job)
    if as_json:
        click.echo(_line(_job_object(state, attempts)))
        return
    for line in job_in_full(state, attempts):
        click.echo(line)


def _job_object(state: JobState, attempts: list[Attempt]) -> dict[str, object]:
    return asdict(state) | {
        "attempts": [asdict(attempt) for attempt in attempts],
        "hint": hint_for(state.reason) if state.reason else None,
    }


def _line(fields: dict[str, object]) -> str:
    return json.dumps(fields, default=lambda time: time.isoformat())


@failed.command()
@jobs_or_all
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def clear(  # noqa: PLR0913  # one parameter per flag
    settings: Settings,
    *,
    jobs: tuple[int, ...],
    everything: bool,
    reason: str | None,
    batch: int | None,
    yes: bool,
) -> None:
    """Give up on emails that failed: they stay where they are, and are listed no longer.

    The record of each is kept, and `mailvault retry JOB` still sends it back.

    \b
    Examples:
      mailvault failed clear 17 18
      mailvault failed clear --reason file_missing --batch 3
      mailvault failed clear --all --yes
    """
    which = read_which(jobs, reason, batch, everything=everything)
    with connect(settings) as connection:
        require_current(connection)
        require_known(connection, which)
        failures = Failures(connection)
        count = failures.count(which)
        if count.listed and not yes:
            _confirm(count.listed)
        cleared = failures.clear(which, count.at)  # nobody has seen what failed since
    click.echo(f"{cleared:,} cleared")
    if jobs and cleared < len(set(jobs)):
        click.echo("the others are not among the failed; see: mailvault failed list", err=True)
        raise click.exceptions.Exit(1)


def _confirm(count: int) -> None:
    click.echo(
        f"{count:,} emails would stay where they are: nothing moves them, and nothing lists them\n"
        "or waits for them any more. The record of each is kept, and mailvault retry JOB still\n"
        "sends it back.",
        err=True,
    )
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: say --yes")
    click.confirm("Clear them?", abort=True, err=True)
