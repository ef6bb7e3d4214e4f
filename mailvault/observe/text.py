"""Numbers and times as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailvault.queue.control import Pause


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


def clock(at: str, now: datetime | None = None) -> str:
    """Write a time as that of this machine's day: `04:12`, `Tue 04:12`, `2026-12-24 04:12`."""
    time = datetime.fromisoformat(at).astimezone()
    away = time - (now or datetime.now(UTC))
    if abs(away) > timedelta(days=6):
        return f"{time:%Y-%m-%d %H:%M}"
    return f"{time:%H:%M}" if abs(away) < timedelta(hours=12) else f"{time:%a %H:%M}"


def moment(at: datetime) -> str:
    """Write a time to the second, with its zone: this machine's."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def paused(pause: Pause) -> str:
    """Say who paused all workers and until when, with the command that ends it."""
    until = f" until {moment(pause.until)}" if pause.until else ""
    return f"paused by {pause.by}{until}: mailvault resume"


def percent(part: int, whole: int) -> str:
    """Write a share; cut and not rounded: 100 only when it is so."""
    return f"{int(10_000 * part / whole) / 100:.2f}%" if whole else "-"


def number(value: float | None) -> str:
    """Write a number with as many digits as are of use; a hyphen if it is not known."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
