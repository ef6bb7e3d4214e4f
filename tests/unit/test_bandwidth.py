"""How fast mail may be sent, by the hour and the day."""

from __future__ import annotations

from datetime import datetime

import pytest

from mailvault.bandwidth import Timetable
from mailvault.worker.throttle import Throttle

KIB, MIB, GIB = 1024, 1024**2, 1024**3


def at(text: str, moment: str) -> int | None:
    return Timetable.parse(text).at(datetime.fromisoformat(moment))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10M", 10 * MIB),
        ("10MiB", 10 * MIB),
        ("512k", 512 * KIB),
        ("512", 512 * KIB),  # as rclone has it
        ("100B", 100),
        ("1.5g", 3 * GIB // 2),
        (" 2Mi ", 2 * MIB),
        ("off", None),
        ("0", None),
    ],
)
def test_one_rate_holds_always(text: str, rate: int | None) -> None:
    for moment in ("2026-11-23T00:00", "2026-11-29T23:59"):
        assert at(text, moment) == rate


@pytest.mark.parametrize(
    ("time", "rate"),
    [
        ("00:00", None),
        ("07:59", None),
        ("08:00", 2 * MIB),
        ("17:59", 2 * MIB),
        ("18:00", None),
        ("23:59", None),
    ],
)
def test_a_rate_holds_from_its_time_to_the_next(time: str, rate: int | None) -> None:
    for day in range(23, 30):
        for text in ("08:00,2M 18:00,off", "18:00,off;8:00,2M"):
            assert at(text, f"2026-11-{day}T{time}") == rate


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ("2026-11-23T07:59", None),  # a Monday
        ("2026-11-23T08:00", MIB),
        ("2026-11-25T23:00", MIB),
        ("2026-11-27T17:59", MIB),
        ("2026-11-27T18:00", None),
        ("2026-11-29T12:00", None),
    ],
)
def test_days_of_the_week(moment: str, rate: int | None) -> None:
    assert at("Mon-08:00,1M Friday-18:00,off", moment) == rate


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a rate"),
        ("fast", "not a rate"),
        ("-1M", "not a rate"),
        ("10X", "not a rate"),
        ("10ib", "not a rate"),
        ("10M:1M", "not a rate"),  # rclone's download rate, of which there is none here
        ("08:00,2M 18:00", "not a time, a comma and a rate"),
        ("08:00,2M 25:00,off", "'25:00' is not a time"),
        ("08:60,2M", "not a time"),
        ("0800,2M", "not a time"),
        ("Foo-08:00,2M", "does not begin with a day"),
        ("08:00,", "not a rate"),
    ],
)
def test_anything_else_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Timetable.parse(text)


def test_processes_share_it() -> None:
    shared = Timetable.parse("08:00,2M 18:00,off").shared(4)
    assert shared == Timetable.parse("08:00,512K 18:00,off")


def test_a_change_is_handed_on_once() -> None:
    told: list[int | None] = []
    now = datetime.fromisoformat("2026-11-23T07:00")
    throttle = Throttle(Timetable.parse("08:00,2M 18:00,off"), told.append, lambda: now)
    for time in ("07:00", "08:00", "12:00", "18:00", "23:00", "08:00"):
        now = datetime.fromisoformat(f"2026-11-23T{time}")
        throttle.follow()
    assert told == [2 * MIB, None, 2 * MIB]
