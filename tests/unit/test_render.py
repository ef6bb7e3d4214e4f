"""The screen of `status`: what it shows fits, whatever there is to show."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from mailvault.observe.render import render, time_left
from mailvault.observe.snapshot import Details
from mailvault.observe.text import clock, duration, number, percent

if TYPE_CHECKING:
    from mailvault.observe.snapshot import Snapshot

NOW = "2026-11-23T12:00:00+00:00"


def snapshot(**changes: Any) -> Snapshot:
    batch = {
        "id": 7, "state": "running", "total": 10_000_000, "dispatched": 10_000_000,
        "processed": 4_000_000, "failed": 12_345, "remaining": 5_987_655, "completion_pct": 40.12,
        "success_pct": 99.69, "rate_per_min": 120_000.5, "elapsed_s": 7200.0, "eta_s": 2994.0,
    }  # fmt: skip
    worker = {
        "id": 1, "host": "mail-mover-01.example.org", "pid": 12345, "state": "running",
        "in_flight": 64, "heartbeat_age_s": 1.0, "uploader": "rust", "uploader_reason": "",
        "held_message": None, "processed": 500_000, "failed": 3, "memory": 123_456_789,
    }  # fmt: skip
    return {
        "schema_version": 1,
        "generated_at": NOW,
        "batch": batch | changes.get("batch", {}),
        "stored": {"parts": 6_000_000, "bytes": 123_456_789_012},
        "eta": {"state": "ready", "low_s": 2800.0, "high_s": 3200.0, "at": NOW}
        | changes.get("eta", {}),
        "hold": changes.get("hold"),
        "queue": {"ready": 5_900_000, "delayed": 1, "leased": 64, "dead": 12_345},
        "failures": [
            {"reason": reason, "count": 4_115, "retryable": True,
             "example": f"email 17: [bold]{'what happened ' * 20}\n[/]", "hint": "do this"}
            for reason in ("file_missing", "store_refused", "key_taken", "timeout")
        ],
        "workers": [worker | {"pid": pid} for pid in range(20)],
    }  # fmt: skip


DETAILS = Details(
    chart=[None, 0.0, *range(38)],
    slowest=[{"job": n, "email": "x" * 300, "attempt": 1, "worker": 1, "seconds": 60.0 * n}
             for n in reversed(range(5))],
    failing=[{"reason": "store_fault", "attempts": 9, "message": "502\n" * 9, "seconds_ago": 3.0}],
)  # fmt: skip


def drawn(seen: Snapshot, details: Details | None, width: int, height: int) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(render(seen, details, height))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 16), (160, 50), (100, 30)])
@pytest.mark.parametrize("details", [None, DETAILS])
def test_it_fits_the_terminal(width: int, height: int, details: Details | None) -> None:
    hold = {"kind": "breaker", "reasons": [
        {"signal": "x", "observed": "the store " * 30, "limit": None, "since": NOW}
    ]}  # fmt: skip
    lines = drawn(snapshot(hold=hold), details, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_all_of_it_is_there_where_there_is_room() -> None:
    text = "\n".join(drawn(snapshot(), DETAILS, 160, 60))
    for expected in (
        "batch 7: running", "40.12%", "49m 54s, until", "between 46m 40s and 53m 20s",
        "4,115  file_missing", "[bold]what happened",
        "→ mailvault retry --reason file_missing --reset  (first: put the files back)",
        "1 more: mailvault failed",
        "store_fault: 502 502", "4m 00s  attempt 1", "mail-mover-01.example.org:19",
    ):  # fmt: skip
        assert expected in text


@pytest.mark.parametrize(
    ("state", "left", "said"),
    [
        ("due", 0.0, "none"),
        ("measuring", None, "measuring"),
        ("held", 14_400.0, "held, with 4h 00m of work to do"),
        ("stalled", None, "stalled"),
    ],
)
def test_the_time_left_has_a_name_where_it_is_not_known(
    state: str, left: float | None, said: str
) -> None:
    assert time_left(snapshot(batch={"eta_s": left}, eta={"state": state})) == said


def test_while_mail_is_being_enqueued_the_total_is_a_lower_bound() -> None:
    assert "≥ 10,000,000" in "\n".join(drawn(snapshot(batch={"state": "enqueuing"}), None, 80, 24))


def test_nobody_at_work_is_said() -> None:
    seen = snapshot()
    seen["workers"] = []
    assert "nobody works; start: mailvault workers start" in "\n".join(drawn(seen, None, 80, 24))


def test_those_that_were_killed_are_nobody_at_work() -> None:
    seen = snapshot()
    for killed in seen["workers"]:
        killed["heartbeat_age_s"] = 21.0
    assert "nobody works; start: mailvault workers start" in "\n".join(drawn(seen, None, 80, 24))


def test_numbers_and_times_are_short() -> None:
    assert [duration(s) for s in (None, 0, 59.6, 3599, 3600, 90_000)] == [
        "-", "0s", "1m 00s", "59m 59s", "1h 00m", "1d 01h",
    ]  # fmt: skip
    assert [number(n) for n in (None, 3, 3.14159, 12_345.6)] == ["-", "3", "3.14", "12,346"]
    assert percent(99_999, 100_000) == "99.99%"
    assert len(clock("2031-01-01T00:00:00+00:00")) == len("2031-01-01 00:00")
