"""What a screen shows below the numbers: what holds, fails, takes long, and who works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from mailvault.observe.hints import remedy_for, retry_command
from mailvault.observe.text import clock, duration, number
from mailvault.queue.roster import is_heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.observe.snapshot import Row, Snapshot

BARS = "▁▂▃▄▅▆▇█"


def _grid() -> Table:
    """Return a table of which each row takes one line, and the last column what is left."""
    return Table.grid(padding=(0, 2), expand=True)


def chart(rates: Sequence[float | None]) -> Text:
    """Draw the rates as a line of bars, and name the highest."""
    known = [rate for rate in rates if rate is not None]
    top = max(known, default=0.0)
    if not top:
        return Text("none in 10m", style="dim")
    bars = "".join(_bar(rate, top) for rate in rates)
    text = Text(bars.lstrip() or bars, style="cyan")
    text.append(f"  at most {number(top)} in 10m", style="dim")
    return text


def _bar(rate: float | None, top: float) -> str:
    if not rate:
        return " " if rate is None else "."
    return BARS[min(int(len(BARS) * rate / top), len(BARS) - 1)]


def hold(snapshot: Snapshot, *, in_a_line: bool) -> Text | None:
    """Say what keeps the work from going on, or slows it; in full, or cut to a line."""
    held = snapshot["hold"]
    if held is None:
        heard = any(is_heard(worker["heartbeat_age_s"]) for worker in snapshot["workers"])
        if heard or not snapshot["batch"]["remaining"]:
            return None
        return Text("nobody works; start: mailvault workers start", style="bold yellow")
    reason = held["reasons"][0]
    word, style = ("slowed", "yellow") if held["kind"] == "throttled" else ("held", "bold red")
    more = len(held["reasons"]) - 1
    also = f", and {more} more" if more else ""
    since = f"since {clock(reason['since'])}"
    if in_a_line:
        return _whole((f"{word} {since}: {reason['observed']}", style), (also, "dim"))
    return Text.assemble((f"{word}: {reason['observed']}", style), (f" ({since}{also})", "dim"))


def failures(rows: Sequence[Row], reasons: int) -> Group:
    """List the top reasons for which emails failed for good, each with what to do.

    The command stands first on its line, so that it can be copied from a narrow terminal, too.
    """
    lines = []
    for row in rows[:reasons]:
        lines.append(
            _whole(
                (f"{row['count']:,}", "red"),
                f"  {row['reason']}  ",
                (_line(row["example"]), "dim"),
            )
        )
        remedy = remedy_for(row["reason"])
        first = (f"  (first: {remedy})", "dim") if remedy else ""
        lines.append(_whole("  → ", retry_command(row["reason"]), first))
    if len(rows) > reasons:
        lines.append(_whole((f"{len(rows) - reasons} more: mailvault failed", "dim")))
    return Group(*lines)


def _whole(*pieces: str | tuple[str, str]) -> Text:
    return Text.assemble(*pieces, no_wrap=True, overflow="ellipsis")


def failing(rows: Sequence[Row], lines: int) -> Table:
    """List why attempts failed of late, whether or not there is another one to come."""
    table = _grid()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows[:lines]:
        table.add_row(
            Text(f"{row['attempts']:,}", style="yellow"),
            Text(f"failed attempts, {duration(row['seconds_ago'])} ago"),
            Text(f"{row['reason']}: {_line(row['message'])}", style="dim"),
        )
    return table


def slowest(rows: Sequence[Row], lines: int) -> Table:
    """List the emails that are in hand for the longest time."""
    table = _grid()
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows[:lines]:
        table.add_row(
            duration(row["seconds"]),
            f"attempt {row['attempt']}",
            f"job {row['job']}",
            Text(f"email {row['email']}", style="dim"),
        )
    return table


def workers(rows: Sequence[Row], lines: int) -> Table:
    """List the workers, those first that are not well."""
    table = _grid()
    for _ in range(5):
        table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    order = sorted(rows, key=lambda row: row["state"] in {"running", "idle"})
    shown = order if len(order) <= lines else order[: max(lines - 1, 0)]
    for row in shown:
        memory = decimal(row["memory"]) if row["memory"] else "-"
        table.add_row(
            Text(f"{row['host']}:{row['pid']}"),
            Text(row["state"], style="" if row["state"] in {"running", "idle"} else "yellow"),
            f"{row['in_flight']:,} in hand",
            f"{row['processed']:,} done",
            memory,
            Text(_about(row), style="dim"),
        )
    if len(rows) > len(shown):
        table.add_row(Text(f"and {len(rows) - len(shown)} more: mailvault workers list", "dim"))
    return table


def _about(worker: Row) -> str:
    said = worker["held_message"] or worker["uploader"]
    age = worker["heartbeat_age_s"]
    return f"{said}, not heard of for {duration(age)}" if age > 10 else str(said)


def _line(text: str) -> str:
    return " ".join(text.split())
