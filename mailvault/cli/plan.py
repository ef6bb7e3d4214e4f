"""What `mailvault migrate` is about to do: how much, for how long, at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.table import Table

from mailvault.errors import UnreachableError
from mailvault.observe.text import duration

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.queue.batches import Measure

PUT_PRICE = 0.005
"""Dollars for 1,000 PUT requests to S3 Standard in us-east-1, as AWS lists it:
https://aws.amazon.com/s3/pricing/"""

EMAILS_PER_SECOND = 10_000
"""What a process was seen to move at the most, whatever the store: docs/benchmarks.md."""


def show_plan(settings: Settings, measure: Measure, *, flights: int, processes: int) -> Table:
    """Return the plan, as a table without a frame.

    `flights` are the emails in flight in all processes together.
    """
    table = Table.grid(padding=(0, 2))
    parts = f"{measure.parts:,} bodies and attachments"
    table.add_row("to move", f"{measure.emails:,} emails with {parts}, {_size(measure)}")
    where = f"{settings.s3_endpoint or 'AWS S3'}"
    table.add_row("to", f"s3://{settings.s3_bucket} at {where}")
    several = f", in {processes:,} processes together" if processes > 1 else ""
    table.add_row("with", f"{flights:,} emails in flight{several}")
    table.add_row("requests", _price(settings, measure.requests))
    table.add_row("it takes", _time(settings, measure, flights, processes))
    return table


def _size(measure: Measure) -> str:
    size = decimal(measure.bytes)
    if measure.not_measured == measure.parts:
        return "of a size that the tables do not tell"
    if measure.not_measured:
        return f"{size} and {measure.not_measured:,} files of a size that the tables do not tell"
    return size


def _price(settings: Settings, requests: int) -> str:
    text = f"{requests:,} PUT"
    if settings.s3_endpoint is not None:
        return text
    price = requests / 1000 * PUT_PRICE
    return f"{text}, ${price:,.2f} at AWS's list price of ${PUT_PRICE} for 1,000"


def _time(settings: Settings, measure: Measure, flights: int, processes: int) -> str:
    # The store's libraries take a third of a second to import.
    from mailvault.store.latency import seconds_for  # noqa: PLC0415
    from mailvault.store.slices import PART_SIZE  # noqa: PLC0415

    measured = measure.parts - measure.not_measured
    size = min(measure.bytes // measured if measured else 0, PART_SIZE)
    try:
        each = seconds_for(settings, size)
    except UnreachableError as error:
        return f"how long is not known: {error}"
    seconds = max(
        measure.requests * each / flights, measure.emails / (EMAILS_PER_SECOND * processes)
    )
    return (
        f"at least {duration(seconds)}: the store takes {each * 1000:.0f} ms for {decimal(size)}"
    )
