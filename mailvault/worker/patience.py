"""Trying again while PostgreSQL is away, or refuses what is no email's fault."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

import psycopg
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    wait_random_exponential,
)

from mailvault.db import first_line
from mailvault.faults import CONFLICT, Kind, diagnose
from mailvault.queue.outbox import Hold

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

LONGEST_WAIT = 10.0

PASSING = 3
"""Attempts before a fault is said to hold the worker: most are gone at the second."""

LAST_ROUNDS = 20
"""Attempts against conflicts with other transactions once the worker is to stop."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Patience:
    """Repeats a call to the database until it is answered or the worker is asked to stop.

    Every such call is fenced by tokens or harmless to repeat.

    Attributes:
        seconds: The time that all calls took.
        asked: How often PostgreSQL was asked: who asks, and asks again, does not hang.
        hold: What it is that lasts, while a call is being repeated.
    """

    def __init__(self, stop: threading.Event) -> None:
        self.seconds = 0.0
        self.asked = 0
        self.hold: Hold | None = None
        self._stop = stop
        self._retrying = Retrying(
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT),
            stop=self._gives_up,
            sleep=sleep_using_event(stop),
            before_sleep=self._note,
            reraise=True,
        )

    def insist(self, call: Callable[[], T], *, divisible: bool = False) -> T:
        """Call until there is an answer.

        Of a call that is `divisible` only what is surely the system's fault is repeated: whose
        fault the rest is, the caller tells by smaller groups.

        Raises:
            psycopg.Error: The worker is to stop, or to repeat the call does not help.
        """
        repeated = (
            {Kind.SYSTEM} if divisible else {Kind.SYSTEM, Kind.DENIED, Kind.DOUBTFUL, Kind.LOCKED}
        )
        retrying = self._retrying.copy(
            retry=retry_if_exception(
                lambda error: isinstance(error, psycopg.Error) and diagnose(error).kind in repeated
            )
        )
        started = time.monotonic()
        try:
            answer: T = retrying(self._counted, call)
            return answer
        finally:
            self.seconds += time.monotonic() - started
            self.hold = None

    def _counted(self, call: Callable[[], T]) -> T:
        self.asked += 1
        return call()

    def _gives_up(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        # Whoever lost against another transaction will win soon, and may stop then.
        if isinstance(error, psycopg.Error) and diagnose(error) == CONFLICT:
            return self._stop.is_set() and state.attempt_number >= LAST_ROUNDS
        return self._stop.is_set()

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, psycopg.Error)
        said = first_line(error)
        log.warning("PostgreSQL: %s; trying again", said)
        if state.attempt_number >= PASSING:
            self.hold = Hold(diagnose(error).reason, f"PostgreSQL: {said}")
