"""The worker's heartbeat, and the reaper that rides on it."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psycopg

from mailvault.db import first_line
from mailvault.faults import CONFLICT, diagnose
from mailvault.queue.roster import STALE

if TYPE_CHECKING:
    from mailvault.queue.outbox import Hold, Outbox, Record
    from mailvault.worker.stop import Stop

BEAT = 5.0
"""Seconds between heartbeats."""

UPKEEP_SHARE = 0.05
"""Part of the time that upkeep may take, however many dead rows an old snapshot makes it walk."""

UPKEEP_AT_LEAST = 60.0
"""Seconds after which there is upkeep, whatever it takes: leases have to be renewed."""

CONFLICT_PAUSE = 0.5
"""Seconds, at the most, until a beat that lost against another transaction is tried again."""

NOT_THE_SAME = "the database is not the one it was, and what it lost is done again"

log = logging.getLogger(__name__)


class VitalSigns(NamedTuple):
    """How a loop is: its state, the jobs in hand, what holds or slows it, its turns, its work."""

    state: str
    in_hand: int
    hold: Hold | None
    turns: int
    record: Record


class Living(Protocol):
    """What has a heart: the worker's loop."""

    def vital_signs(self) -> VitalSigns:
        """Return how it is; from any thread."""

    def be_wary(self) -> None:
        """Look for leases that nobody works on; from any thread."""


class Heart:
    """A thread that tells how the worker is, and takes back what lost workers left behind.

    It beats at intervals, and at once when `changed` is set.
    """

    def __init__(
        self,
        outbox: Outbox,
        loop: Living,
        stop: Stop,
        changed: threading.Event,
        *,
        parent: int | None,
    ) -> None:
        self._outbox = outbox
        self._loop = loop
        self._stop = stop
        self._parent = parent
        self._changed = changed
        self._ended = False
        self._missed_at = float("-inf")
        self._turns = -1
        self._upkeep_at = float("-inf")
        self._beats = 0
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Start to beat."""
        self._thread.start()

    def end(self, state: str) -> None:
        """Stop to beat, with a last word; if that does not get through, it may be called again."""
        self._ended = True
        self._changed.set()
        self._thread.join()
        record = self._loop.vital_signs().record
        self._outbox.heartbeat(state, 0, None, renew=False, record=record)

    def _run(self) -> None:
        while True:
            self._changed.wait(self._tend())
            self._changed.clear()
            if self._ended:
                return
            if self._parent not in (None, os.getppid()):
                log.error("the process that started this worker is gone; stopping")
                self._parent = None
                self._stop.request()

    def _tend(self) -> float:
        """Beat, and do the upkeep if it is time; return the seconds until the next beat."""
        try:
            upkeep = time.monotonic() >= self._upkeep_at
            signs = self._loop.vital_signs()
            self._beat(signs, renew=upkeep)
            if upkeep:
                self._upkeep(signs)
        except psycopg.Error as error:
            log.warning("heartbeat: %s", first_line(error))
            if diagnose(error) == CONFLICT:
                return random.uniform(0, CONFLICT_PAUSE)  # noqa: S311  # no secret
            self._missed_at = time.monotonic()
        return BEAT

    def _beat(self, signs: VitalSigns, *, renew: bool) -> None:
        # A loop that hangs loses its leases at their deadline, although its heart beats.
        renew = renew and signs.turns != self._turns
        if renew:
            self._turns = signs.turns
        beats = self._outbox.heartbeat(
            signs.state, signs.in_hand, signs.hold, renew=renew, record=signs.record
        )
        self._compare(beats)

    def _compare(self, beats: int | None) -> None:
        """Notice a database that lost commits, as a standby did that took over too early."""
        if beats is None:
            log.error("%s: it does not know this worker, which enters itself again", NOT_THE_SAME)
            self._outbox.register_again()
        elif beats <= self._beats:
            lost = self._beats + 1 - beats
            log.error("%s: the last %d heartbeats of this worker are lost", NOT_THE_SAME, lost)
        if beats is None or beats <= self._beats:
            self._missed_at = time.monotonic()  # it lost those of the others, too
            self._loop.be_wary()
        self._beats = beats or 0

    def _upkeep(self, signs: VitalSigns) -> None:
        began = time.monotonic()
        if signs.state != "idle":  # else it has added nothing to the tally
            self._outbox.fold()
        self._reap()
        now = time.monotonic()
        pause = (now - began) * (1 / UPKEEP_SHARE - 1)
        self._upkeep_at = now + min(pause, UPKEEP_AT_LEAST)

    def _reap(self) -> None:
        # Where this heart missed a beat, PostgreSQL was away, and the others missed theirs too:
        # they get the time to come back before anybody calls them lost.
        if time.monotonic() - self._missed_at < STALE.total_seconds():
            return
        reaped = self._outbox.reap(STALE)
        if reaped:
            log.warning("took back %d jobs of workers that are lost or late", reaped)
