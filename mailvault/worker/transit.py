"""The parts that are with the uploader, and the jobs that wait for them."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mailvault.models import Outcome
    from mailvault.queue.outbox import Lease
    from mailvault.source.description import SourcePart
    from mailvault.worker.job import Job


class _Passenger(NamedTuple):
    job: Job
    part: SourcePart
    content_type: str


class _Shared(NamedTuple):
    number: int
    read_at: float
    waiting: list[int]


class Transit:
    """Parts by the number under which the uploader knows them.

    A part that emails share travels once: where it is under way for one job, the others wait for
    the outcome of that. Not those that were claimed since: what changed before then, the first
    need not have read.

    Attributes:
        jobs: How many jobs have parts here.
        bytes: Bytes of bodies that they keep in memory.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.jobs = 0
        self.bytes = 0
        self._numbers = itertools.count(1)
        self._parts: dict[int, _Passenger] = {}
        self._shared: dict[tuple[str, str], _Shared] = {}

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self._parts)

    @property
    def leases(self) -> Iterator[Lease]:
        """Of the jobs, one for each part."""
        return (passenger.job.lease for passenger in self._parts.values())

    def board(self, job: Job) -> list[tuple[int, SourcePart]]:
        """Give each part of a job a number; return those that are to be read."""
        self.jobs += 1
        self.bytes += job.bytes_in_memory
        wanted = []
        for part in job.parts:
            number = next(self._numbers)
            self._parts[number] = _Passenger(job, part, "")
            if part.is_shared:
                first = self._shared.setdefault(part.name, _Shared(number, self._clock(), []))
                if first.number != number and job.claimed_at <= first.read_at:
                    first.waiting.append(number)
                    continue
            wanted.append((number, part))
        return wanted

    def label(self, number: int, content_type: str) -> None:
        """Take down the type that a part's object has."""
        job, part, _ = self._parts[number]
        self._parts[number] = _Passenger(job, part, content_type)

    def land(self, outcome: Outcome) -> Iterator[Job]:
        """Tell the jobs of a part how its upload ended; yield those that are finished by it."""
        first = self._parts.pop(outcome.number)
        passengers = [first, *self._in_wait_for(outcome.number, first.part)]
        for job, part, _ in passengers:
            job.note(part, first.content_type, outcome)
            if job.finished:
                self.leave(job)
                yield job

    def _in_wait_for(self, number: int, part: SourcePart) -> Iterable[_Passenger]:
        """Those for which a part travelled, too, which is under way no more."""
        first = self._shared.get(part.name) if part.is_shared else None
        if first is None or first.number != number:
            return ()
        del self._shared[part.name]
        return [self._parts.pop(waiting) for waiting in first.waiting]

    def leave(self, job: Job) -> None:
        """Let a job go that has no part here any more."""
        self.jobs -= 1
        self.bytes -= job.bytes_in_memory

    def admits(self, job: Job, most: int) -> bool:
        """Whether the bytes in memory would not become too many with a job; a first one may."""
        return not self.bytes or self.bytes + job.bytes_in_memory <= most
