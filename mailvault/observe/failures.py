"""Failures as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mailvault.observe.hints import is_retryable, remedy_for, retry_command
from mailvault.observe.text import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from mailvault.queue.failures import Attempt, DeadLetter, JobState, Reason

INDENT = 11


def reasons_in_words(reasons: Iterable[Reason], batch: int | None = None) -> RenderableType:
    """Return each reason with its count, an example cut to the width, and what to do."""
    return Group(*(line for reason in reasons for line in _reason(reason, batch)))


def _reason(reason: Reason, batch: int | None) -> Iterator[RenderableType]:
    prospect = "may pass when retried" if is_retryable(reason.reason) else "fails until mended"
    yield Text.assemble(
        (f"{reason.count:>{INDENT - 2},}", "red"), f"  {reason.reason}: {prospect}"
    )
    yield Padding.indent(_cut(f"e.g. email {reason.email}: {reason.message}"), INDENT)
    for advice in _advice(reason.reason, retry_command(reason.reason, batch)):
        yield Padding.indent(Text(advice), INDENT)
    yield Text()


def _advice(reason: str, command: str) -> list[str]:
    remedy = remedy_for(reason)
    return [f"{remedy}, then:", command] if remedy else [command]


def letters_table(letters: Iterable[DeadLetter]) -> Table:
    """Return some dead letters, one a line; what is too long is cut to the width."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("job", "email", "batch", "reason", "what happened"):
        # A column that may not wrap keeps its width; the cells of the others cut themselves.
        table.add_column(name, no_wrap=name in {"job", "batch", "reason"})
    for letter in letters:
        table.add_row(
            str(letter.job), _cut(letter.email), str(letter.batch), letter.reason,
            _cut(letter.message),
        )  # fmt: skip
    return table


def _cut(text: str) -> Text:
    return Text(_plain(text), no_wrap=True, overflow="ellipsis")


def job_in_full(job: JobState, attempts: Iterable[Attempt]) -> Iterator[str]:
    """Return where a job is, each attempt that failed, and what to do, in lines."""
    yield f"job {job.job}: email {_plain(job.email)}, of batch {job.batch}"
    yield f"now: {_now(job)}"
    for attempt in attempts:
        host = f" on {attempt.host}" if attempt.host else ""
        yield ""
        yield (
            f"attempt {attempt.attempt}, {moment(attempt.failed_at)}, worker {attempt.worker}"
            f"{host}: {attempt.reason}"
        )
        yield f"  {_plain(attempt.message)}"
    if job.reason:
        yield ""
        yield from _advice(job.reason, f"mailvault retry {job.job} --reset")


def _now(job: JobState) -> str:
    pieces = [job.state]
    if job.by:
        pieces.append(f"by {job.by}")
    if job.since:
        pieces.append(f"since {moment(job.since)}")
    if job.until:
        pieces.append(f"until {moment(job.until)}")
    return " ".join(pieces)


def _plain(text: str) -> str:
    """Keep what a file's name could do to a terminal away from it."""
    return "".join(each if each.isprintable() else " " for each in text)
