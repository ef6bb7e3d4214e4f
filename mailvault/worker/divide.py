"""Writes many things in one transaction, and fewer where PostgreSQL refuses so many."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import psycopg

from mailvault.db import first_line
from mailvault.faults import Kind, diagnose

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = 500
"""Things that are written in one transaction, at the most."""

LONGEST = 30.0
"""Seconds to look for those that are refused, before the worker sees to everything else again."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Refused(NamedTuple, Generic[T]):
    """A thing that was not written, the error, and whether it was met by this one alone."""

    item: T
    error: psycopg.Error
    alone: bool


class Divider:
    """Halves a group that is refused, until what is refused stands alone.

    Where time limits are the reason, the next groups are smaller from the start.
    """

    def __init__(self) -> None:
        self._largest = GROUP
        self._until = 0.0

    def write(self, items: list[T], write: Callable[[list[T]], None]) -> list[Refused[T]]:
        """Write all, in groups; return those that were refused.

        Raises:
            psycopg.Error: One that smaller groups would meet as well.
        """
        self._until = time.monotonic() + LONGEST
        refused: list[Refused[T]] = []
        while items:
            group, items = items[: self._largest], items[self._largest :]
            refused += self._divide(group, write)
        return refused

    def _divide(self, group: list[T], write: Callable[[list[T]], None]) -> list[Refused[T]]:
        try:
            write(group)
        except psycopg.Error as error:
            kind = diagnose(error).kind
            if kind in {Kind.SYSTEM, Kind.PROGRAM}:
                raise
            middle = len(group) // 2
            if kind is Kind.DOUBTFUL:
                self._largest = max(1, middle)
            log.info("PostgreSQL refuses %d at once: %s", len(group), first_line(error))
            if not middle or time.monotonic() > self._until:
                return [Refused(item, error, alone=not middle) for item in group]
            return self._divide(group[:middle], write) + self._divide(group[middle:], write)
        self._largest = min(GROUP, self._largest + 1)
        return []
