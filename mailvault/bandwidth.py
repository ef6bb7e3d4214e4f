"""How fast mail may be sent, by the hour and the day, as rclone writes it.

`10M`, or `"08:00,2M 18:00,off"`, or `"Mon-08:00,2M Fri-18:00,off"`: bytes a second in powers of
1,024 (without a suffix they are kibibytes), in the machine's local time. Each entry holds from its
time until the next one's, around the week.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"(?:(?P<day>[a-z]{3})[a-z]*-)?(?P<hour>\d\d?):(?P<minute>\d\d)")
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[bkmgtp]?)(?:(?<=[kmgtp])ib?)?")
_UNITS = {unit: 1024**power for power, unit in enumerate("bkmgtp")} | {"": 1024}
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Timetable:
    """Rates by the minute of the week at which each begins; None is without a limit."""

    entries: tuple[tuple[int, int | None], ...] = ((0, None),)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read rclone's notation.

        Raises:
            ValueError: It is something else; the text says which part of it.
        """
        pieces = re.split(r"[\s;]+", text.strip().lower())
        if len(pieces) == 1 and "," not in pieces[0]:
            return cls(((0, _rate(pieces[0])),))
        begins: dict[int, int | None] = {}
        for piece in pieces:
            time, comma, rate = piece.partition(",")
            if not comma:
                raise ValueError(f"{piece!r} is not a time, a comma and a rate, as in 08:00,2M")
            begins |= dict.fromkeys(_minutes(time), _rate(rate))
        return cls(tuple(sorted(begins.items(), key=lambda entry: entry[0])))

    def at(self, moment: datetime) -> int | None:
        """Return the bytes a second at a moment of local time; None without a limit."""
        minute = moment.weekday() * _MINUTES + moment.hour * 60 + moment.minute
        # Before the week's first entry its last one holds, which is at -1.
        place = bisect_right(self.entries, minute, key=lambda entry: entry[0]) - 1
        return self.entries[place][1]

    def shared(self, count: int) -> Timetable:
        """Return the share of each of so many."""
        return Timetable(
            tuple((begin, rate and max(1, rate // count)) for begin, rate in self.entries)
        )


UNLIMITED = Timetable()


def _minutes(text: str) -> list[int]:
    """Return the minutes of the week for a time, which is each day's if it names none."""
    found = _TIME.fullmatch(text)
    if found is None or int(found["hour"]) > 23 or int(found["minute"]) > 59:
        raise ValueError(f"{text!r} is not a time, as in 08:00 or Mon-08:00")
    name = found["day"]
    if name is not None and name not in _DAYS:
        raise ValueError(f"{text!r} does not begin with a day, as in Mon-08:00")
    minute = int(found["hour"]) * 60 + int(found["minute"])
    days = range(len(_DAYS)) if name is None else [_DAYS.index(name)]
    return [day * _MINUTES + minute for day in days]


def _rate(text: str) -> int | None:
    if text == "off":
        return None
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a rate, as in 10M, 512K or off")
    return int(float(found["number"]) * _UNITS[found["unit"]]) or None
