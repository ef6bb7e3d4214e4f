"""Workers as a person reads them: a table, what holds them, and the sums."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from mailvault.observe.text import duration, paused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.queue.control import Pause
    from mailvault.queue.roster import Worker

MEBIBYTE = 1024**2

WIDE = 120
"""Columns from which on there is room for more than the numbers."""

STYLES = {
    "running": "green", "idle": "cyan", "paused": "yellow", "stopping": "yellow",
    "held": "bold red", "silent": "bold red", "gone": "bold red",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A worker, with what others than itself know of it.

    Attributes:
        worker: What it tells of itself.
        rate: Emails a second; None while that is not known.
        is_gone: Whether its process is not there any more.
    """

    worker: Worker
    rate: float | None = None
    is_gone: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it lives, and was heard of lately."""
        return not self.is_gone and self.worker.is_heard

    @property
    def state(self) -> str:
        """The state it told, unless it cannot be true any more."""
        if self.is_gone:
            return "gone"
        return self.worker.state if self.worker.is_heard else "silent"


class Rates:
    """Emails a second of each worker, from one of its heartbeats to the next."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, int]] = {}
        self._rates: dict[int, float] = {}

    def note(self, workers: Sequence[Worker], now: float) -> None:
        """Take down what workers have done by `now`, or rather by their last heartbeats."""
        for worker in workers:
            at = now - worker.heartbeat_age_s
            since, before = self._seen.setdefault(worker.worker, (at, worker.processed))
            if at - since >= 1:  # one that changes its state beats more often
                self._rates[worker.worker] = (worker.processed - before) / (at - since)
                self._seen[worker.worker] = (at, worker.processed)

    def of(self, worker: Worker) -> float | None:
        """Return that of one worker; None while it is not known."""
        return self._rates.get(worker.worker)


def table(rows: Sequence[Row], width: int, *, hosts: bool, rates: bool) -> Table:
    """Return the table of workers that fits a width."""
    wide = width >= WIDE
    found = Table(box=None, padding=(0, 2, 0, 0) if wide else (0, 1, 0, 0), pad_edge=False)
    for name, is_shown in (("host", hosts), ("worker", wide or not hosts)):
        if is_shown:
            found.add_column(name, no_wrap=True, overflow="ellipsis", max_width=width // 6)
    found.add_column("pid", justify="right", no_wrap=True)
    found.add_column("state", no_wrap=True)
    flight, rate = ("in flight", "emails/s") if wide else ("flight", "mail/s")
    for name in (flight, *([rate] if rates else []), "done", "failed", "MiB", "up", "seen"):
        found.add_column(name, justify="right", no_wrap=True)
    if wide:
        found.add_column("held by", no_wrap=True, overflow="ellipsis")
    for row in rows:
        worker = row.worker
        cells = [worker.host] if hosts else []
        cells += [str(worker.worker)] if wide or not hosts else []
        cells += [str(worker.pid), f"[{STYLES[row.state]}]{row.state}[/]", f"{worker.in_flight:,}"]
        cells += [_rate(row.rate)] if rates else []
        cells += [f"{worker.processed:,}", f"{worker.failed:,}", _mebibytes(worker.memory)]
        cells += [duration(worker.up_s), duration(worker.heartbeat_age_s)]
        cells += [worker.held_reason or ""] if wide else []
        found.add_row(*cells)
    return found


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:,.1f}"


def _mebibytes(memory: int | None) -> str:
    return f"{memory // MEBIBYTE:,}" if memory else "-"  # 0 before it was weighed


def sums(rows: Sequence[Row], *, rates: bool) -> str:
    """Return in one line what all of them do."""
    workers = [row.worker for row in rows]
    pieces = [
        f"{len(rows)} worker{'s' * (len(rows) != 1)}",
        f"{sum(worker.in_flight for worker in workers):,} in flight",
        f"{sum(worker.processed for worker in workers):,} done",
        f"{sum(worker.failed for worker in workers):,} failed",
        f"{sum(worker.memory or 0 for worker in workers) // MEBIBYTE:,} MiB",
    ]
    if rates:
        known = [row.rate for row in rows if row.rate is not None]
        pieces.insert(2, f"{_rate(sum(known) if known else None)} emails/s")
    return ", ".join(pieces)


def holds(rows: Sequence[Row], pause: Pause | None) -> list[Text]:
    """Return a line for each thing that keeps them from working, or slows them."""
    lines = []
    if pause is not None:
        lines.append(Text(paused(pause), style="yellow"))
    by_kind: dict[tuple[bool, str], list[Worker]] = defaultdict(list)
    for row in rows:
        worker = row.worker
        if worker.held_reason is not None:
            by_kind[worker.state == "held", worker.held_reason].append(worker)
    for (is_held, _), workers in sorted(by_kind.items(), reverse=True):
        first = workers[0]
        word, style = ("held", "bold red") if is_held else ("slowed", "yellow")
        since = f" since {first.held_since.astimezone():%H:%M:%S}" if first.held_since else ""
        says = f"{word}: {first.held_message} ({len(workers)} of {len(rows)}{since})"
        lines.append(Text(says, style=style))
    return lines
