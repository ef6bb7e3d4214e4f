"""A snapshot as a person reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.filesize import decimal
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mailvault.observe.snapshot import Row, Snapshot

TOP_REASONS = 3
_STYLES = {"finished": "green", "running": "cyan", "enqueuing": "cyan", "waiting": "yellow"}


def duration(seconds: float | None) -> str:
    """Write a number of seconds as `2h 05m` or `1m 20s`; a hyphen if it is not known."""
    if seconds is None:
        return "-"
    whole = timedelta(seconds=round(seconds))
    minutes, second = divmod(whole.seconds, 60)
    hour, minute = divmod(minutes, 60)
    if whole.days:
        return f"{whole.days}d {hour:02}h"
    if hour:
        return f"{hour}h {minute:02}m"
    return f"{minute}m {second:02}s" if minute else f"{second}s"


def _percent(part: int, whole: int) -> str:
    # Cut and not rounded: 100 only when it is so.
    return f"{int(10_000 * part / whole) / 100:.2f}%" if whole else "-"


def render(snapshot: Snapshot) -> RenderableType:
    """Return the screenful that `mailvault status` prints."""
    parts: list[RenderableType] = [_bar(snapshot), Text(), _numbers(snapshot)]
    if snapshot["hold"]:
        parts += [Text(), _hold(snapshot["hold"])]
    if snapshot["failures"]:
        parts += [Text(), _failures(snapshot["failures"])]
    if snapshot["workers"]:
        parts += [Text(), _workers(snapshot["workers"])]
    batch = snapshot["batch"]
    name = "all batches" if batch["id"] is None else f"batch {batch['id']}"
    state = f"[{_STYLES.get(batch['state'], 'white')}]{batch['state']}[/]"
    return Panel(
        Group(*parts),
        title=f"{name}: {state}",
        title_align="left",
        box=box.ROUNDED,
        padding=(1, 2),
    )


def _bar(snapshot: Snapshot) -> Table:
    batch = snapshot["batch"]
    done = batch["processed"] + batch["failed"]
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    percent = "-" if batch["completion_pct"] is None else f"{batch['completion_pct']:.2f}%"
    grid.add_row(ProgressBar(total=max(batch["total"], 1), completed=done), percent)
    return grid


def _numbers(snapshot: Snapshot) -> Table:
    batch, queue, stored = snapshot["batch"], snapshot["queue"], snapshot["stored"]
    total = batch["total"]
    rate = batch["rate_per_min"]
    left = {"ready": duration(batch["eta_s"]), "due": "none"}.get(
        snapshot["eta"]["state"], snapshot["eta"]["state"]
    )
    emails = [("total", total, "")]
    emails += [
        (name, batch[name], _percent(batch[name], total))
        for name in ("dispatched", "processed", "failed", "remaining")
    ]
    right = [
        ("ready", f"{queue['ready']:,}", "success", f"{_known(batch['success_pct'])}%"),
        ("delayed", f"{queue['delayed']:,}", "rate", f"{_known(rate)} emails/min"),
        ("leased", f"{queue['leased']:,}", "elapsed", duration(batch["elapsed_s"])),
        ("dead", f"{queue['dead']:,}", "time left", left),
        ("objects", f"{stored['parts']:,}", "stored", decimal(stored["bytes"])),
    ]
    grid = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "left", "right", "left", "left"):
        grid.add_column(justify=justify)
    for (name, count, share), (place, number, label, value) in zip(emails, right, strict=True):
        grid.add_row(
            f"[dim]{name}[/]", f"{count:,}", share,
            f"[dim]{place}[/]", number, f"[dim]{label}[/]", value,
        )  # fmt: skip
    return grid


def _known(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 1000 or number == int(number) else f"{number:,.2f}"


def _hold(hold: Row) -> Text:
    reason = hold["reasons"][0]
    word, style = ("slowed", "yellow") if hold["kind"] == "throttled" else ("held", "bold red")
    return Text(f"{word}: {reason['observed']} (since {reason['since'][11:19]})", style=style)


def _failures(failures: list[Row]) -> Table:
    table = Table.grid(padding=(0, 2))
    for failure in failures[:TOP_REASONS]:
        table.add_row(
            f"[red]{failure['count']:,}[/]", failure["reason"], escape(failure["example"])
        )
        table.add_row("", "", f"[dim]→ {failure['hint']}[/]")
    if len(failures) > TOP_REASONS:
        table.add_row("", "", f"[dim]and {len(failures) - TOP_REASONS} more reasons[/]")
    return table


def _workers(workers: list[Row]) -> Table:
    table = Table.grid(padding=(0, 2))
    for worker in workers:
        table.add_row(
            f"worker {worker['id']}", f"{worker['host']}:{worker['pid']}", worker["state"],
            f"{worker['in_flight']} in flight", worker["uploader"],
            f"[dim]seen {duration(worker['heartbeat_age_s'])} ago[/]",
            f"[dim]{escape(worker['held_message'] or '')}[/]",
        )  # fmt: skip
    return table


def line(snapshot: Snapshot) -> str:
    """Return the state in one line, for logs and pipes."""
    batch, stored = snapshot["batch"], snapshot["stored"]
    done = batch["processed"] + batch["failed"]
    pieces = [
        f"{done:,} of {batch['total']:,} emails ({_known(batch['completion_pct'])}%)",
        f"{batch['failed']:,} failed",
        f"{stored['parts']:,} objects",
        decimal(stored["bytes"]),
    ]
    if batch["rate_per_min"] is not None:
        pieces.append(f"{_known(batch['rate_per_min'])}/min")
    if snapshot["eta"]["state"] == "ready":
        pieces.append(f"{duration(batch['eta_s'])} left")
    if snapshot["hold"]:
        word = "slowed" if snapshot["hold"]["kind"] == "throttled" else "held"
        pieces.append(f"{word}: {snapshot['hold']['reasons'][0]['observed']}")
    return ", ".join(pieces)
