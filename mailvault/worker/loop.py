"""The loop: claim, read, submit, collect, settle, so overlapped that the store never waits."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING

import psycopg

from mailvault.errors import PartError
from mailvault.models import Outcome, StoredBefore
from mailvault.queue.outbox import Hold, Record
from mailvault.worker.claim import Claimer
from mailvault.worker.flow import Flow
from mailvault.worker.gentle import Gentle, Signals
from mailvault.worker.heart import VitalSigns
from mailvault.worker.idleness import Idleness
from mailvault.worker.job import Job
from mailvault.worker.memory import memory_in_use
from mailvault.worker.throttle import Throttle
from mailvault.worker.transit import Transit

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator

    from mailvault.errors import SourceError
    from mailvault.models import Part
    from mailvault.queue.outbox import Lease, Outbox
    from mailvault.source.description import SourcePart
    from mailvault.source.reader import SourceReader
    from mailvault.store.uploader import Uploader
    from mailvault.worker.breaker import Breaker
    from mailvault.worker.options import LoopOptions
    from mailvault.worker.patience import Patience
    from mailvault.worker.settle import Settler
    from mailvault.worker.stop import Stop

TICK = 0.05
"""Seconds to wait for an outcome before looking at everything else."""

SLOWED_BY = {
    "store_busy": "the store asks to slow down",
    "latency": "the store takes ever longer to answer",
}

NO_SHARE = Hold("concurrency", "there are more workers than emails that may be in flight")

BEHIND = 1.0
"""Seconds that a replica may need before it is said to hold the worker."""

CHANGES = 1000
"""Changes of the application that are taken up in one transaction."""

ENLIST = 30.0
"""Seconds after which a worker sees whether it is time to look for mail that is eligible now."""

LOOK = 1.0
"""Seconds after which a worker asks what an operator wants of it."""

log = logging.getLogger(__name__)


class Loop:
    """Moves mail until it is asked to stop; owns no transaction while anything uploads."""

    def __init__(  # noqa: PLR0913, PLR0917  # the stations of the road
        self,
        outbox: Outbox,
        reader: SourceReader,
        uploader: Uploader,
        settler: Settler,
        breaker: Breaker,
        patience: Patience,
        stop: Stop,
        changed: threading.Event,
        options: LoopOptions,
    ) -> None:
        self._outbox = outbox
        self._reader = reader
        self._uploader = uploader
        self._settler = settler
        self._breaker = breaker
        self._patience = patience
        self._stop = stop
        self._changed = changed
        self._options = options
        self._claimer = Claimer(outbox, patience)
        self._flow = Flow(options.concurrency)
        self._throttle = Throttle(options.bandwidth, uploader.limit)
        self._gentle = Gentle(options.limits, self._signals)
        self._leased: list[Lease] = []
        self._claimed: deque[Job] = deque()
        self._transit = Transit()
        self._lag: Hold | None = None
        self._taken = 0
        self._turns = 0
        self._idleness = Idleness(changed, drain=options.drain)
        self._paused = False
        self._look_at = 0.0
        self._enlist_at = 0.0
        self._memory = 0
        self._is_spent = False
        self.seconds_waited_for_store = 0.0

    def vital_signs(self) -> VitalSigns:
        """Return how the loop is; safe from any thread."""
        record = Record(self._settler.processed, self._settler.failed, self._memory)
        turns = self._turns + self._patience.asked
        state, hold = self._condition()
        return VitalSigns(state, self._in_hand, hold, turns, record)

    def _condition(self) -> tuple[str, Hold | None]:
        if self._stop.requested.is_set():
            return "stopping", None
        hold = self._breaker.hold or self._settler.hold or self._patience.hold or self._lag
        if hold is None and self._flow.is_closed:
            hold = self._gentle.hold or NO_SHARE
        if hold is not None:
            return "held", hold
        state = "paused" if self._paused else "idle" if self._idleness else "running"
        return state, self._gentle.hold or self._slowed()

    def _signals(self) -> Signals:
        asked = self._options.limits.archive_backlog is not None
        backlog = self._outbox.archive_backlog() if asked else None
        return Signals(*self._outbox.signals(), backlog)

    def _slowed(self) -> Hold | None:
        window = self._uploader.window()
        if window.trouble is None or window.size == window.ceiling:
            return None
        says = f"{window.size} of {window.ceiling} requests at once"
        return Hold(window.trouble, f"{says}: {SLOWED_BY[window.trouble]}")

    def be_wary(self) -> None:
        """Look for leases that this worker holds without knowing; from any thread."""
        self._claimer.be_wary()

    @property
    def _in_hand(self) -> int:
        return len(self._claimed) + self._transit.jobs + self._settler.pending

    def run(self) -> None:
        """Work until there is nothing left to do, as the options say, or the worker must stop.

        Whatever is in hand when it ends, for whatever reason, is given back uncounted.
        """
        try:
            while not self._stop.at_once and self._go_on():
                self._turns += 1
                self._collect(TICK)
                if self._settler.due or not self._transit:
                    self._settler.settle()
                self._obey()
                if self._paused or self._breaker.hold is not None or self._flow.is_closed:
                    self._wait_it_out()
                elif not self._stop.requested.is_set():
                    self._claim()
                    self._submit()
        except psycopg.Error:
            # While it was to stop, there is nothing to say if all can be given back.
            if not self._stop.requested.is_set():
                raise
        finally:
            self._end()

    def _go_on(self) -> bool:
        if self._transit or (self._leased and not self._stop.requested.is_set()):
            return True
        return not (self._stop.requested.is_set() or self._exhausted)

    @property
    def is_spent(self) -> bool:
        """Whether it has done as many jobs, or takes as much memory, as the options allow."""
        return self._is_spent or self._exhausted

    @property
    def _exhausted(self) -> bool:
        return self._options.max_jobs is not None and self._taken >= self._options.max_jobs

    def _claim(self) -> None:
        if self._leased:
            self._describe()
            return
        room = self._flow.room(self._in_hand)
        if self._options.max_jobs is not None:
            room = min(room, self._options.max_jobs - self._taken)
        if room <= 0:
            if not self._transit and not self._claimed:
                self._stop.requested.wait(TICK)  # all in hand wait to be settled
            return
        started = time.monotonic()
        self._leased = self._claimer.claim(room, self._leases_in_hand)
        self._gentle.note_claim(time.monotonic() - started)
        self._taken += len(self._leased)
        if self._leased:
            self._idleness.end()
            self._patience.insist(self._reader.expect)
            self._describe()
        elif not self._transit:
            self._rest()

    def _leases_in_hand(self) -> Iterator[Lease]:
        """Every lease that this worker knows of, some of them more than once."""
        yield from self._leased
        yield from (job.lease for job in self._claimed)
        yield from self._transit.leases
        yield from self._settler.leases

    def _describe(self) -> None:
        waited = self._patience.insist(self._reader.waiting)
        if waited is not None:
            if waited >= BEHIND:
                says = f"the replica has not what was written {waited:.0f} s ago"
                self._lag = Hold("replica_lag", says)
            if not self._transit:
                self._stop.requested.wait(TICK)
            return
        self._lag = None
        keys = [lease.email_key for lease in self._leased]
        found = self._patience.insist(lambda: self._reader.describe(keys))
        for lease in self._leased:
            parts = found[lease.email_key]
            if isinstance(parts, PartError):
                job = Job(lease, [])
                job.refuse("email", parts)
                self._settler.add(job)
            else:
                self._claimed.append(Job(lease, parts))
        self._leased = []

    def _rest(self) -> None:
        if self._end_if_drained():
            return
        if not self._idleness:
            # A claim that something on the way did twice leased jobs that nobody was told of.
            self._claimer.give_back_strays(self._leases_in_hand())
        timeout = self._idleness.begin()
        self._patience.insist(lambda: self._outbox.wait_for_work(timeout, self._stop.requested))

    def _end_if_drained(self) -> bool:
        drained = self._options.drain and self._patience.insist(self._outbox.is_drained)
        if drained:
            self._stop.request()
        return drained

    def _submit(self) -> None:
        """Hand claimed jobs to the uploader, as many as the budget of bytes lets through."""
        wanted = []
        while (
            self._claimed
            and (self._flow.limit is None or self._transit.jobs < self._flow.limit)
            and self._transit.admits(self._claimed[0], self._options.body_bytes)
        ):
            job = self._claimed.popleft()
            wanted += self._transit.board(job)
            if job.finished:  # an email with nothing to store
                self._transit.leave(job)
                self._finish(job)
        if not wanted:
            return
        ready = []
        for (number, _), read in zip(
            wanted, self._patience.insist(lambda: self._read(wanted)), strict=True
        ):
            if isinstance(read, PartError):
                self._take(Outcome(number, error=read))
                continue
            self._transit.label(number, read.content_type)
            if isinstance(read, StoredBefore):
                self._take(Outcome(number, stored=read.stored))
            else:
                ready.append(read)
        self._uploader.submit(ready)

    def _read(
        self, wanted: list[tuple[int, SourcePart]]
    ) -> list[Part | StoredBefore | SourceError]:
        return self._reader.read(wanted, self._options.body_bytes)

    def _collect(self, timeout: float) -> None:
        if not self._transit:
            return
        started = time.monotonic()
        outcomes = self._uploader.completed(timeout)
        self.seconds_waited_for_store += time.monotonic() - started
        for outcome in outcomes:
            self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        self._reader.discard(outcome.number)
        for job in self._transit.land(outcome):
            self._finish(job)

    def _finish(self, job: Job) -> None:
        if self._breaker.is_to_blame(job.lease.job_id, job.errors):
            self._settler.give_back([job.lease])
            self._taken -= 1
            self._changed.set()
            return
        if not job.errors:
            self._breaker.succeeded(job.lease.job_id)
        self._flow.note(1)
        self._settler.add(job)

    def _obey(self) -> None:
        """Do what an operator and the timetable want; what is in upload is ended all the same."""
        if time.monotonic() < self._look_at:
            return
        self._throttle.follow()
        self._patience.insist(self._gentle.follow)
        self._flow.share = self._gentle.share
        self._take_up()
        self._weigh()
        orders = self._patience.insist(self._outbox.orders)
        self._look_at = time.monotonic() + LOOK
        if orders.stop and not self._stop.requested.is_set():
            log.info("an operator ends all workers")
            self._stop.request()
        self._flow.limit = orders.concurrency
        if orders.paused != self._paused:
            self._paused = orders.paused
            self._changed.set()
        self._let_go(orders.cancelled)

    def _weigh(self) -> None:
        self._memory = memory_in_use()
        most = self._options.max_memory
        if most is not None and self._memory > most and not self._stop.requested.is_set():
            log.warning("ending, with %d MiB of memory in use", self._memory // 1024**2)
            self._is_spent = True
            self._stop.request()

    def _take_up(self) -> None:
        """Make jobs of what the application changed, and of what has become eligible."""
        # Only a full page is followed by the next one: while the application writes there is
        # always one change more, and the store would be kept waiting.
        while self._patience.insist(lambda: self._outbox.absorb(CHANGES)) == CHANGES:
            pass
        every = self._options.eligible_every
        if every is not None and time.monotonic() >= self._enlist_at:
            found = self._patience.insist(lambda: self._outbox.enlist(every))
            self._enlist_at = time.monotonic() + (LOOK if found else ENLIST)

    def _wait_it_out(self) -> None:
        """Have nothing in hand until the fault is gone, or the pause over."""
        self._let_go({job.lease.job_id for job in self._claimed})
        self._settler.give_back(self._leased)
        self._taken -= len(self._leased)
        self._leased = []
        if self._transit:
            return
        self._settler.give_back_postponed()
        self._settler.settle()
        if self._breaker.hold is not None:
            self._breaker.look()
        if self._breaker.hold is not None or self._paused or self._flow.is_closed:
            self._end_if_drained()  # by others
            self._stop.requested.wait(LOOK)

    def _let_go(self, jobs: Collection[int]) -> None:
        """Give back those of some jobs of which nothing is in upload yet."""
        given = [job for job in self._claimed if job.lease.job_id in jobs]
        if given:
            self._settler.give_back(job.lease for job in given)
            self._taken -= len(given)
            self._claimed = deque(job for job in self._claimed if job.lease.job_id not in jobs)

    def _end(self) -> None:
        self._uploader.close(abort=bool(self._transit))
        self._collect(0)
        self._settler.give_back(set(self._transit.leases))
        self._settler.give_back(job.lease for job in self._claimed)
        self._settler.give_back(self._leased)
        self._settler.give_back_postponed()
        self._settler.settle()
        self._claimer.give_back_strays([])
