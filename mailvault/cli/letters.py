"""Which dead letters a command is about: its arguments and options, read in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from mailvault.errors import MailvaultError
from mailvault.queue.batches import Batches
from mailvault.queue.failures import Failures, Which

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

F = TypeVar("F", bound="Callable[..., object]")


def reason_and_batch(command: F) -> F:
    """Give a command `--reason` and `--batch`."""
    command = click.option("--batch", type=int, metavar="ID", help="Of this batch only.")(command)
    return click.option("--reason", metavar="REASON", help="With this reason only.")(command)


def jobs_or_all(command: F) -> F:
    """Give a command `JOB...`, `--all`, `--reason` and `--batch`."""
    command = reason_and_batch(command)
    option = click.option("--all", "everything", is_flag=True, help="Everything that failed.")
    return click.argument("jobs", type=int, nargs=-1, metavar="[JOB]...")(option(command))


def read_which(
    jobs: tuple[int, ...], reason: str | None, batch: int | None, *, everything: bool
) -> Which:
    """Return which dead letters are meant.

    Raises:
        click.UsageError: None are, or it contradicts itself.
    """
    limited = everything or reason is not None or batch is not None
    if jobs and limited:
        raise click.UsageError("name jobs, or say --all, --reason or --batch")
    if not jobs and not limited:
        raise click.UsageError("say which: job numbers, --all, --reason or --batch")
    return Which(list(jobs) or None, reason, batch)


def require_known(connection: psycopg.Connection, which: Which) -> None:
    """Make sure that there is such a batch, and that something failed with such a reason.

    Raises:
        ConfigError: There is no such batch.
        MailvaultError: Nothing failed with this reason; the hint names those that there are.
    """
    if which.batch is not None:
        Batches(connection).find(which.batch)
    if which.reason is None:
        return
    reasons = Failures(connection).reasons(which.batch)
    if which.reason not in {found.reason for found in reasons}:
        where = "" if which.batch is None else f" in batch {which.batch}"
        known = ", ".join(f"{found.reason} ({found.count:,})" for found in reasons)
        raise MailvaultError(
            f"nothing failed{where} with the reason {which.reason!r}",
            hint=f"reasons there are: {known}" if known else f"nothing has failed{where}",
        )
