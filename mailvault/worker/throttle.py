"""Keeps the uploader to the bandwidth of the hour."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.bandwidth import Timetable

log = logging.getLogger(__name__)


def local_time() -> datetime:
    """Return the time of day on this machine, which operators' hours are meant in."""
    return datetime.now()  # noqa: DTZ005  # the timetable's hours are the machine's


class Throttle:
    """Hands the limit of a timetable on, when it changes.

    Args:
        timetable: By local time.
        limit: Takes bytes a second, or None.
    """

    def __init__(
        self,
        timetable: Timetable,
        limit: Callable[[int | None], None],
        clock: Callable[[], datetime] = local_time,
    ) -> None:
        self._timetable = timetable
        self._limit = limit
        self._clock = clock
        self._rate: int | None = None

    def follow(self) -> None:
        """Do what the timetable says for this moment."""
        rate = self._timetable.at(self._clock())
        if rate != self._rate:
            self._rate = rate
            self._limit(rate)
            log.info("bandwidth: %s", "no limit" if rate is None else f"{rate:,} bytes/s")
