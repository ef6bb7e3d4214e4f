"""Batches: what to move, dispatched in chunks that a crash does not undo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from mailvault.db import query
from mailvault.errors import ConfigError
from mailvault.queue.control import operator
from mailvault.queue.position import ORDINARY
from mailvault.store.slices import MOST_SLICES, PART_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import psycopg


@dataclass(frozen=True, slots=True)
class Selection:
    """Which emails a batch is about; what is None sets no limit. Priority 0 goes first, 9 last."""

    since: datetime | None = None
    until: datetime | None = None
    email_keys: Sequence[str] | None = None
    max_emails: int | None = None
    priority: int = ORDINARY


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection amounts to.

    Attributes:
        emails: To move.
        parts: Their bodies and attachments.
        bytes: As the source counts them.
        not_measured: Parts of which it does not, or not as they will be stored.
        requests: PUT requests that it takes to store them.
    """

    emails: int
    parts: int
    bytes: int
    not_measured: int
    requests: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One run of enqueue."""

    id: int
    state: str
    total: int
    dispatched: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a batch is, and what was asked for; `ids` is how many emails were named."""

    id: int
    state: str
    total: int
    processed: int
    failed: int
    remaining: int
    rate_per_min: float | None
    created_at: datetime
    started_at: datetime | None
    elapsed_s: float | None
    priority: int
    since: datetime | None
    until: datetime | None
    ids: int | None
    max_emails: int | None


class Batches:
    """Opens batches and dispatches them."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def _one(self, name: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        return self._connection.execute(query("batch", name), parameters).fetchone()

    def measure(self, selection: Selection) -> Measure:
        """Count what a batch of this selection would move, without making it."""
        row = self._one(
            "measure_selection",
            asdict(selection) | {"slice": PART_SIZE, "most_slices": MOST_SLICES},
        )
        assert row is not None
        return Measure(*row)

    def unknown_keys(self, selection: Selection) -> list[str]:
        """Return the keys that were asked for and that no email has."""
        rows = self._connection.execute(
            query("batch", "unknown_keys"), {"email_keys": list(selection.email_keys or ())}
        )
        return [key for (key,) in rows]

    def open(self, selection: Selection, measure: Measure | None = None) -> Batch | None:
        """Start a batch, of which nothing is dispatched yet; None if it would be empty.

        If the same was asked for before and interrupted, that batch is gone on with. What was
        measured beforehand lets the time left be told by bytes, too.
        """
        parameters = asdict(selection)
        row = self._one("find_interrupted", parameters)
        if row is not None:
            return self.find(row[0])
        total = measure.emails if measure else self._count(parameters)
        if total == 0:
            return None
        known = measure.bytes if measure and not measure.not_measured else None
        row = self._one("open", parameters | {"total": total, "source_bytes": known})
        assert row is not None
        return self.find(row[0])

    def _count(self, parameters: dict[str, Any]) -> int:
        row = self._one("count_selection", parameters)
        assert row is not None
        return int(row[0])

    def standings(self) -> list[Standing]:
        """Return how far all batches are, the newest first."""
        with self._connection.cursor(row_factory=class_row(Standing)) as cursor:
            return cursor.execute(query("batch", "list")).fetchall()

    def find(self, batch_id: int) -> Batch:
        """Return a batch by its id.

        Raises:
            ConfigError: There is none.
        """
        row = self._one("find", {"batch": batch_id})
        if row is None:
            raise ConfigError(f"there is no batch {batch_id}", hint="mailvault batches lists them")
        return Batch(*row)

    def dispatch(self, batch: Batch, chunk_size: int) -> Iterator[int]:
        """Dispatch a batch from where it is; yield its dispatched emails after each chunk.

        Each chunk is one transaction that also saves the position, so that an interrupted batch
        goes on by calling this again.
        """
        finished = batch.state != "enqueuing"
        while not finished:
            row = self._one("chunk", {"batch": batch.id, "limit": chunk_size})
            assert row is not None
            dispatched, finished = row
            yield dispatched

    def cancel(self, batch: Batch, chunk_size: int) -> Iterator[int]:
        """Take a batch's jobs back from the queue; yield how many, chunk by chunk.

        Workers let go of those they have in hand by themselves; what is stored stays stored.
        """
        finished = False
        while not finished:
            row = self._one("cancel", {"batch": batch.id, "limit": chunk_size, "by": operator()})
            assert row is not None
            cancelled, finished = row
            yield cancelled
