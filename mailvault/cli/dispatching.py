"""A batch dispatched to its end, with a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from mailvault.cli.progress import progress_bar

if TYPE_CHECKING:
    from mailvault.queue.batches import Batch, Batches


def dispatch(batches: Batches, batch: Batch, chunk_size: int) -> int:
    """Dispatch a batch from where it is; return how many emails of it are dispatched then."""
    done = batch.dispatched
    with progress_bar(Console(stderr=True), "enqueuing", total=batch.total, done=done) as advance:
        for now in batches.dispatch(batch, chunk_size):
            advance(now - done)
            done = now
    return done
