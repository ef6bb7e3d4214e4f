"""Hours of the day, as `22:00-06:00` or `12:00-13:00 20:00-06:00`, in the machine's local time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

_SPAN = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of the day, each from its start until before its end; none means all day.

    Attributes:
        text: As they were given.
        spans: Start and end of each; one that ends before it starts goes over midnight.
    """

    text: str = ""
    spans: tuple[tuple[time, time], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read spans that are separated by blanks or commas.

        Raises:
            ValueError: It is something else; the text says which part of it.
        """
        spans = []
        for piece in re.findall(r"[^\s,]+", text):
            found = _SPAN.fullmatch(piece)
            try:
                numbers = [int(number) for number in found.groups()] if found else []
                start, end = time(numbers[0], numbers[1]), time(numbers[2] % 24, numbers[3])
            except (ValueError, IndexError):
                raise ValueError(f"{piece!r} is not from when to when, as 22:00-06:00") from None
            if numbers[2] > 24 or start == end:
                raise ValueError(f"{piece!r} is not from when to when, as 22:00-06:00")
            spans.append((start, end))
        return cls(text, tuple(spans))

    def include(self, moment: datetime) -> bool:
        """Whether a moment of local time is in one of them."""
        now = moment.time()
        return not self.spans or any(
            start <= now < end if start < end else now >= start or now < end
            for start, end in self.spans
        )


ALWAYS = Hours()
