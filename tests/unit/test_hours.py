"""The hours in which to work."""

from __future__ import annotations

from datetime import datetime

import pytest

from mailvault.hours import ALWAYS, Hours


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("9:00-17:30", ["09:00", "17:29"], ["08:59", "17:30", "00:00"]),
        ("20:00-24:00, 12:00-13:00", ["12:30", "23:59"], ["00:00", "13:00", "19:59"]),
        ("", ["00:00", "12:00"], []),
    ],
)
def test_spans_go_from_their_start_until_before_their_end(
    text: str, inside: list[str], outside: list[str]
) -> None:
    hours = Hours.parse(text)
    assert all(hours.include(datetime.fromisoformat(f"2026-01-01T{at}")) for at in inside)
    assert not any(hours.include(datetime.fromisoformat(f"2026-01-01T{at}")) for at in outside)
    assert ALWAYS.include(datetime.fromisoformat("2026-01-01T12:00"))


@pytest.mark.parametrize("text", ["22", "22:00-", "25:00-06:00", "06:00-06:00", "1:60-2:00", "x"])
def test_what_is_no_span_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="as 22:00-06:00"):
        Hours.parse(f"08:00-09:00 {text}")
