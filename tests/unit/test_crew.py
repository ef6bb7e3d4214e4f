"""Workers as a person reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from mailvault.cli.crew import Rates, Row, holds, sums, table
from mailvault.queue.control import Pause
from mailvault.queue.roster import Worker

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

WORKER = Worker(
    worker=123456789012,
    host="3f2a9c01d7be",
    pid=1234567,
    state="stopping",
    in_flight=4096,
    concurrency=4096,
    processed=9_876_543,
    failed=12_345,
    memory=1234 * 1024**2,
    started_at=NOON,
    up_s=3599,
    heartbeat_age_s=4.2,
    beats=9,
    held_reason=None,
    held_message=None,
    held_since=None,
    uploader="rust",
    uploader_reason="asked for",
)


def drawn(rows: list[Row], width: int) -> list[str]:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(table(rows, width, hosts=True, rates=True))
    return capture.get().splitlines()


def test_large_numbers_fit_eighty_columns() -> None:
    head, line = drawn([Row(WORKER, rate=987.6)], 80)
    assert " ".join(head.split()) == "host pid state flight mail/s done failed MiB up seen"
    assert " ".join(line.split()) == (
        "3f2a9c01d7be 1234567 stopping 4,096 987.6 9,876,543 12,345 1,234 59m 59s 4s"
    )


def test_a_wide_table_has_the_id_and_the_reason() -> None:
    held = replace(WORKER, state="held", held_reason="store_unreachable")
    head, line = drawn([Row(held)], 160)
    assert head.split()[:2] == ["host", "worker"]
    assert "123456789012" in line
    assert line.rstrip().endswith("store_unreachable")


def test_what_it_told_last_may_be_untrue_by_now() -> None:
    silent = replace(WORKER, heartbeat_age_s=20.0)
    assert (Row(WORKER).state, Row(WORKER).is_well) == ("stopping", True)
    assert (Row(silent).state, Row(silent).is_well) == ("silent", False)
    assert (Row(WORKER, is_gone=True).state, Row(WORKER, is_gone=True).is_well) == ("gone", False)


def test_a_rate_is_that_between_two_heartbeats() -> None:
    rates = Rates()
    rates.note([replace(WORKER, processed=100, heartbeat_age_s=1)], now=10)  # heard of at 9
    assert rates.of(WORKER) is None
    rates.note([replace(WORKER, processed=100, heartbeat_age_s=2)], now=11)  # at 9 still
    assert rates.of(WORKER) is None
    rates.note([replace(WORKER, processed=150, heartbeat_age_s=0.5)], now=14.5)  # at 14
    assert rates.of(WORKER) == 10
    rates.note([replace(WORKER, processed=151, heartbeat_age_s=0)], now=14.6)  # too soon
    assert rates.of(WORKER) == 10


def test_the_sums_and_what_holds_them() -> None:
    held = replace(
        WORKER, state="held", held_reason="store_denied", held_message="403", held_since=NOON
    )
    slow = replace(WORKER, held_reason="latency", held_message="slow", held_since=NOON)
    rows = [Row(held), Row(held, rate=1.25), Row(slow, rate=2)]
    assert sums(rows, rates=True).startswith("3 workers, 12,288 in flight, 3.2 emails/s, ")
    assert [line.plain for line in holds(rows, Pause(NOON, "ann", None))] == [
        "paused by ann: mailvault resume",
        f"held: 403 (2 of 3 since {NOON.astimezone():%H:%M:%S})",
        f"slowed: slow (1 of 3 since {NOON.astimezone():%H:%M:%S})",
    ]
