"""Batches as a person reads them."""

from __future__ import annotations

from datetime import UTC, time
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from mailvault.observe.text import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mailvault.queue.batches import Standing

MINUTE = "%Y-%m-%d %H:%M"
MIDNIGHT = time()
APPLICATION = 0
"""The batch of what the application dispatches itself."""


def batches_table(batches: Iterable[Standing]) -> Table:
    """Return how far each batch is, one a line."""
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("batch", "total", "stored", "failed", "left", "a min.", "took"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for batch in batches:
        rate = "-" if batch.rate_per_min is None else f"{batch.rate_per_min:,.0f}"
        table.add_row(
            str(batch.id), f"{batch.total:,}", f"{batch.processed:,}", f"{batch.failed:,}",
            f"{batch.remaining:,}", rate, duration(batch.elapsed_s), batch.state,
        )  # fmt: skip
    return table


def selections(batches: Iterable[Standing]) -> Iterator[str]:
    """Yield when each batch started, and below it what it is about."""
    for batch in batches:
        at = batch.started_at
        started = f"started {at.astimezone():{MINUTE}}" if at else "not started"
        yield f"batch {batch.id}, priority {batch.priority}, {started}:"
        yield f"  {selection(batch)}"


def selection(batch: Standing) -> str:
    """Return what was asked for, in words."""
    if batch.id == APPLICATION:
        return "what the application dispatches itself"
    if batch.ids is not None:
        what = "1 email by its id" if batch.ids == 1 else f"{batch.ids:,} emails by their ids"
    else:
        what = "all emails" if batch.max_emails is None else f"at most {batch.max_emails:,} emails"
    limits = [
        f" {word} {_utc(at)}"
        for word, at in (("received since", batch.since), ("before", batch.until))
        if at is not None
    ]
    return what + "".join(limits)


def unfinished(batches: Iterable[Standing]) -> Iterator[str]:
    """Yield how to go on where a command may have been interrupted."""
    again = {"enqueuing": "enqueue --resume", "cancelling": "cancel --batch"}
    for batch in batches:
        if batch.state in again:
            command = f"mailvault {again[batch.state]} {batch.id}"
            yield f"batch {batch.id} is {batch.state}; if nobody is at it: {command}"


def _utc(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if utc.time() == MIDNIGHT else f"{utc:{MINUTE}} UTC"
