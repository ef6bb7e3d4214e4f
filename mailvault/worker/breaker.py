"""Holds a worker while the system is at fault, and lets it go on when the fault is gone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mailvault.errors import MailvaultError
from mailvault.queue.outbox import Hold

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from mailvault.errors import PartError

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0

log = logging.getLogger(__name__)


class Breaker:
    """Opens on a fault of the system: no job is claimed and no attempt counted until it is gone.

    Args:
        probe: Raises a MailvaultError while the fault lasts.
        stop: Ends the waiting when set.
    """

    def __init__(self, probe: Callable[[], None], stop: threading.Event) -> None:
        self._probe = probe
        self._stop = stop
        self._wait = FIRST_WAIT
        self.hold: Hold | None = None

    def trip(self, error: PartError) -> None:
        """Open, unless it is open."""
        if self.hold is None:
            self.hold = Hold(error.reason, str(error))
            log.error(
                "held: %s (%s); no attempt is counted, probing until it is gone",
                error,
                error.reason,
            )

    def succeeded(self) -> None:
        """Note that the store took something: the next fault is a new one."""
        self._wait = FIRST_WAIT

    def wait_until_closed(self) -> None:
        """Probe, ever more seldom, until the fault is gone or the worker is to stop."""
        while self.hold is not None and not self._stop.wait(self._wait):
            # Grows until something was really stored: a probe may pass where mail does not.
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            try:
                self._probe()
            except MailvaultError as error:
                log.warning("still held: %s", error)
            else:
                log.info("the fault is gone; going on")
                self.hold = None
