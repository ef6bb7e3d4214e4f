"""Tells faults of the system from those of one email, and holds the worker while one lasts."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from mailvault.errors import MailvaultError
from mailvault.queue.outbox import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mailvault.errors import PartError

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0

DOUBTFUL = frozenset({"store_fault", "file_missing"})
"""Reasons that may be one email's or all emails': a gateway's 502, a volume not mounted."""

TRUSTED = 1.0
"""Seconds for which a check that passed is believed."""

log = logging.getLogger(__name__)


class Breaker:
    """Opens on a fault of the system: no job is claimed and no attempt counted until it is gone.

    Args:
        check: Raises a MailvaultError while the system is at fault.
    """

    def __init__(
        self, check: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._clock = clock
        self._look_at = 0.0
        self._wait = FIRST_WAIT
        self._successes = 0
        self._suspects: dict[int, int] = {}
        self._trusted_until = 0.0
        self.hold: Hold | None = None

    def succeeded(self, job_id: int) -> None:
        """Note that an email was stored: the next fault is a new one."""
        self._wait = FIRST_WAIT
        self._successes += 1
        self._suspects.pop(job_id, None)

    def is_to_blame(self, job_id: int, errors: Sequence[PartError]) -> bool:
        """Whether the system, and not this email, is at fault; then the breaker is open."""
        fault = self._fault(errors)
        if fault is None:
            return False
        # The same email again, while others were stored since: then it is the email after all.
        if self._suspects.get(job_id, self._successes) < self._successes:
            return False
        self._suspects[job_id] = self._successes
        if self.hold is None:
            self.hold = fault
            self._look_at = self._clock() + self._wait
            log.error("held: %s; no attempt is counted, trying until it is gone", fault.message)
        return True

    def _fault(self, errors: Sequence[PartError]) -> Hold | None:
        for error in errors:
            if error.systemic:
                return Hold(error.reason, str(error))
        doubtful = next((error for error in errors if error.reason in DOUBTFUL), None)
        if doubtful is None or self._clock() < self._trusted_until:
            return None
        if self.hold is not None:
            return self.hold
        try:
            self._check()
        except MailvaultError as fault:
            return Hold(doubtful.reason, str(fault))
        self._trusted_until = self._clock() + TRUSTED
        return None

    def look(self) -> None:
        """Check, ever more seldom, whether the fault is gone."""
        if self._clock() < self._look_at:
            return
        try:
            self._check()
        except MailvaultError as error:
            log.warning("still held: %s", error)
        else:
            log.info("the fault is gone; going on")
            self.hold = None
        # Grows until something was really stored: a check may pass where mail does not.
        self._wait = min(self._wait * 2, LONGEST_WAIT)
        self._look_at = self._clock() + self._wait
