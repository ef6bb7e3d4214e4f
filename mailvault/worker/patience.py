"""Trying again while PostgreSQL is away."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg.errors import LockNotAvailable
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from mailvault.db import first_line

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

LONGEST_WAIT = 10.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Patience:
    """Repeats a call to the database until it is answered or the worker is asked to stop.

    Every such call is fenced by tokens or harmless to repeat. Deadlocks and serialization failures
    are among what is repeated; a lock that is not to be had is the caller's business.
    `seconds` is the time that all calls took.
    """

    def __init__(self, stop: threading.Event) -> None:
        self.seconds = 0.0
        self._retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT),
            stop=stop_when_event_set(stop),
            sleep=sleep_using_event(stop),
            before_sleep=self._tell,
            reraise=True,
        )

    def insist(self, call: Callable[[], T]) -> T:
        """Call until there is an answer.

        Raises:
            psycopg.OperationalError: There was none, and the worker is to stop.
            psycopg.Error: Any other error, at once.
        """
        started = time.monotonic()
        try:
            return self._retrying(call)
        finally:
            self.seconds += time.monotonic() - started

    @staticmethod
    def _tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        said = first_line(error) if isinstance(error, Exception) else ""
        log.warning("PostgreSQL: %s; trying again", said)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, LockNotAvailable)
