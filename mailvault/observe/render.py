"""A snapshot as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.filesize import decimal
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mailvault.observe import sections
from mailvault.observe.text import clock, duration, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from mailvault.observe.snapshot import Details, Row, Snapshot

TOP_REASONS = 3

FIXED = 11
"""Lines of the frame, the bar, the numbers, the time left and what is between them."""

UNLIMITED = 1000
"""Lines where nothing has to fit a terminal."""

FEW = 3
"""Lines that are kept for the workers."""

_STYLES = {"finished": "green", "running": "cyan", "enqueuing": "cyan", "waiting": "yellow"}


def render(
    snapshot: Snapshot, details: Details | None = None, height: int | None = None
) -> RenderableType:
    """Return the screen of `mailvault status`; where a height is given, in so many lines at most.

    What there is too much of is cut then, the workers first.
    """
    room = (height or UNLIMITED) - FIXED
    parts: list[RenderableType] = [_bar(snapshot), Text(), _numbers(snapshot), Text()]
    parts.append(_labelled("time left", Text(time_left(snapshot))))
    if details is not None:
        parts.append(_labelled("emails/s", sections.chart(details.chart)))
        room -= 1
    if held := sections.hold(snapshot, in_a_line=height is not None):
        parts.append(held)
        room -= 1
    for title, section in _below(snapshot, details, room):
        parts += [Text(title, style="bold"), section]
    batch = snapshot["batch"]
    name = "all batches" if batch["id"] is None else f"batch {batch['id']}"
    state = f"[{_STYLES.get(batch['state'], 'white')}]{batch['state']}[/]"
    return Panel(
        Group(*parts),
        title=f"{name}: {state}",
        title_align="left",
        box=box.ROUNDED,
        padding=(0, 2),
    )


def _below(
    snapshot: Snapshot, details: Details | None, room: int
) -> Iterator[tuple[str, RenderableType]]:
    """Share the lines that are left: to what fails first, then to what is slow, then to who works.

    Each section takes a line more for its title.
    """
    failed = snapshot["failures"]
    if failed and room > FEW:
        reasons = min(len(failed), TOP_REASONS, max(1, room // 4))
        yield "failed for good", sections.failures(failed, reasons)
        room -= 1 + 2 * reasons + (len(failed) > reasons)
    if details is not None and details.failing and room > FEW:
        lines = min(len(details.failing), 2)
        yield "failed in the last five minutes", sections.failing(details.failing, lines)
        room -= 1 + lines
    if details is not None and details.slowest and room > FEW:
        lines = min(len(details.slowest), max(1, room // 4))
        yield "in hand for the longest time", sections.slowest(details.slowest, lines)
        room -= 1 + lines
    if snapshot["workers"] and room > 1:
        yield "workers", sections.workers(snapshot["workers"], room - 1)


def _bar(snapshot: Snapshot) -> Table:
    batch = snapshot["batch"]
    done = batch["processed"] + batch["failed"]
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    share = "-" if batch["completion_pct"] is None else f"{batch['completion_pct']:.2f}%"
    grid.add_row(ProgressBar(total=max(batch["total"], 1), completed=done), share)
    return grid


def _numbers(snapshot: Snapshot) -> Table:
    batch, queue, stored = snapshot["batch"], snapshot["queue"], snapshot["stored"]
    total = batch["total"]
    at_least = "≥ " if batch["state"] == "enqueuing" else ""
    emails = [("total", f"{at_least}{total:,}", "")]
    emails += [
        (name, f"{batch[name]:,}", percent(batch[name], total))
        for name in ("dispatched", "processed", "failed", "remaining")
    ]
    success = "-" if batch["success_pct"] is None else f"{number(batch['success_pct'])}%"
    rate, average = (number(rate) for rate in (batch["rate_per_min"], _average(batch)))
    right = [
        ("ready", f"{queue['ready']:,}", "success", success),
        (
            "delayed",
            f"{queue['delayed']:,}",
            "rate",
            f"{rate}/min",
        ),
        ("leased", f"{queue['leased']:,}", "average", f"{average}/min"),
        ("dead", f"{queue['dead']:,}", "elapsed", duration(batch["elapsed_s"])),
        ("objects", f"{stored['parts']:,}", "stored", decimal(stored["bytes"])),
    ]
    grid = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "left", "right", "left", "left"):
        grid.add_column(justify=justify, no_wrap=True)
    for (name, count, share), (place, many, label, value) in zip(emails, right, strict=True):
        grid.add_row(
            f"[dim]{name}[/]", count, share, f"[dim]{place}[/]", many, f"[dim]{label}[/]", value
        )
    return grid


def _average(batch: Row) -> float | None:
    elapsed = batch["elapsed_s"]
    return 60 * (batch["processed"] + batch["failed"]) / elapsed if elapsed else None


def _labelled(label: str, text: Text) -> Text:
    return Text.assemble((f"{label:<12}", "dim"), text, no_wrap=True, overflow="ellipsis")


def time_left(snapshot: Snapshot) -> str:
    """Say when it will be over, as far as that is known."""
    eta, left = snapshot["eta"], snapshot["batch"]["eta_s"]
    match eta["state"]:
        case "ready":
            span = f"between {duration(eta['low_s'])} and {duration(eta['high_s'])}"
            return f"{duration(left)}, until {clock(eta['at'])} ({span})"
        case "due":
            return "none"
        case "measuring":
            return "measuring"
        case state:
            return state if left is None else f"{state}, with {duration(left)} of work to do"


def line(snapshot: Snapshot) -> str:
    """Return the state in one line, for logs and pipes."""
    batch, stored = snapshot["batch"], snapshot["stored"]
    done = batch["processed"] + batch["failed"]
    pieces = [
        f"{done:,} of {batch['total']:,} emails ({number(batch['completion_pct'])}%)",
        f"{batch['failed']:,} failed",
        f"{stored['parts']:,} objects",
        decimal(stored["bytes"]),
    ]
    if batch["rate_per_min"] is not None:
        pieces.append(f"{number(batch['rate_per_min'])}/min")
    if snapshot["eta"]["state"] == "ready":
        pieces.append(f"{duration(batch['eta_s'])} left")
    if snapshot["hold"]:
        word = "slowed" if snapshot["hold"]["kind"] == "throttled" else "held"
        pieces.append(f"{word}: {snapshot['hold']['reasons'][0]['observed']}")
    return ", ".join(pieces)
