"""The queue as it ought to be, in plain Python; shares no code with mailvault.

Every operation is a `Step`: which answer is due, what it locks, and what it does once committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.model.state import (
    DELAY,
    MAX_ATTEMPTS,
    NEW,
    STALE,
    TIMEOUT,
    Batch,
    Email,
    Hold,
    Job,
    Step,
    Worker,
    object_key,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


@dataclass(slots=True)
class Reference:
    """The state of everything, as committed, and the step that is under way beside it."""

    emails: dict[int, Email]
    with_file: frozenset[int]
    size: int
    jobs: dict[int, Job] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=lambda: {0: Batch()})
    workers: dict[int, Worker] = field(default_factory=dict)
    failures: list[list[Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    open: Step | None = None
    paused: bool = False

    # What is where.

    def at(self, place: str) -> list[Job]:
        """The jobs in a place, by id."""
        return sorted((job for job in self.jobs.values() if job.place == place), key=_by_id)

    def _free(self, place: str) -> list[Job]:
        """Those which no open transaction has locked."""
        locked = self.open.locked if self.open else frozenset()
        return [job for job in self.at(place) if job.id not in locked]

    def job(self, job_id: int) -> Job:
        """A job by its id."""
        return next(job for job in self.jobs.values() if job.id == job_id)

    def waits(self, step: Step) -> bool:
        """Whether a step would wait for the open one."""
        return self.open is not None and bool(
            step.locked & self.open.locked or step.rows & self.open.rows
        )

    def _standing(self, holds: Iterable[Hold]) -> list[Job]:
        held = set(holds)
        return [job for job in self.at("leased") if Hold(job.id, job.token) in held]

    # Enqueuing.

    def candidates(self, keys: frozenset[int] | None, after: int = 0) -> list[int]:
        """Emails that a batch is about, after a position."""
        return [
            email
            for email, row in sorted(self.emails.items())
            if email > after and not row.migrated and (keys is None or email in keys)
        ]

    def selected(self, keys: frozenset[int] | None) -> list[int]:
        """Those among them that have no job."""
        return [email for email in self.candidates(keys) if email not in self.jobs]

    def interrupted(self, asked: Batch) -> int | None:
        """A batch of this selection that is not dispatched to its end."""
        wanted = (asked.keys, asked.most, asked.priority)
        for number in self.in_state("enqueuing"):
            batch = self.batches[number]
            if (batch.keys, batch.most, batch.priority) == wanted:
                return number
        return None

    def in_state(self, state: str) -> list[int]:
        """The batches in a state."""
        return [number for number, batch in self.batches.items() if batch.state == state]

    def in_progress(self) -> list[int]:
        """The batches that can be cancelled, or are being so."""
        states = {"enqueuing", "enqueued", "cancelling"}
        return [number for number, batch in self.batches.items() if batch.state in states]

    def chunk(self, number: int, limit: int) -> Step:
        """Dispatch the next emails of a batch."""
        batch = self.batches[number]
        if batch.state != "enqueuing":
            return Step(batch.dispatched, lambda _: None)
        room = limit if batch.most is None else min(limit, batch.most - batch.dispatched)
        page = self.candidates(batch.keys, batch.position)[:room]
        new = [email for email in page if email not in self.jobs]
        dispatched = batch.dispatched + len(new)
        finished = len(page) < room or dispatched == batch.most

        def apply(_: Any) -> None:
            for email in new:
                self.jobs[email] = Job(email, number, batch.priority)
            batch.dispatched = dispatched
            batch.position = page[-1] if page else batch.position
            if finished:
                batch.state, batch.total = "enqueued", dispatched

        rows = {("batch", number), *(("email", email) for email in page)}
        return Step(dispatched, apply, rows=frozenset(rows))

    def dispatch(self, email: int, priority: int) -> Step:
        """Dispatch one email in the application's own transaction."""
        rows = frozenset({("email", email)})
        if email in self.jobs:
            return Step(self.jobs[email].id, lambda _: None, rows=rows)

        def apply(job_id: int) -> None:
            self.jobs[email] = Job(email, 0, priority, id=job_id)
            self.batches[0].own += 1

        return Step(NEW, apply, rows=rows)

    # Cancelling.

    def cancel(self, number: int) -> Step:
        """Take back what is not done of a batch; to be called until it is cancelled."""
        batch = self.batches[number]
        if batch.state not in {"enqueuing", "enqueued", "cancelling"}:
            return Step(0, lambda _: None)
        of_batch = [job for job in self.jobs.values() if job.batch == number]
        gone = [job for job in of_batch if job.place in {"ready", "delayed"}]
        held = [job for job in of_batch if job.place == "leased" and not job.cancelled]

        def apply(_: Any) -> None:
            if batch.state == "enqueuing":
                batch.total = batch.dispatched
            batch.state = "cancelling" if gone or held else "cancelled"
            for job in held:
                job.cancelled = True
            for job in gone:
                self._forget(job)

        locked = _ids([*gone, *held])
        return Step(len(gone), apply, locked, frozenset({("batch", number)}))

    def _forget(self, job: Job) -> None:
        del self.jobs[job.email]
        self.batches[job.batch].cancelled += 1

    def _place(self, job: Job, place: str) -> None:
        """Put a job that was held where it goes to, unless it was cancelled meanwhile."""
        if job.cancelled:
            self._forget(job)
        else:
            job.place = place

    # From the outbox to a lease.

    def claim(self, now: int, worker: int, limit: int, after: Sequence[int] | None) -> Step:
        """Lease the first jobs, from a position on; from the start with those that are due."""
        if self.paused:
            return Step([], lambda _: None)
        due = [job for job in self._free("delayed") if job.due <= now]
        due = [] if after else sorted(due, key=_by_due)[:limit]
        waiting = sorted([*self._free("ready"), *due], key=_in_order)
        picked = [
            job
            for job in waiting
            if self.batches[job.batch].state != "cancelling"
            and (not after or job.id > after[job.priority])
        ][:limit]
        rows = {("batch", job.batch) for job in picked if not self.batches[job.batch].started}

        def apply(tokens: Sequence[str]) -> None:
            for job in due:
                job.place = "ready"
            for job, token in zip(picked, tokens, strict=True):
                job.place, job.attempts, job.cancelled = "leased", job.attempts + 1, False
                job.token, job.worker = token, worker
                job.leased_at, job.deadline = now, now + TIMEOUT
                self.batches[job.batch].started = True

        answer = [(job.id, str(job.email), job.attempts + 1) for job in picked]
        return Step(answer, apply, _ids([*due, *picked]), frozenset(rows))

    def issue(self, tokens: set[str]) -> None:
        """Note the token of a claim; there was none like it."""
        assert len(tokens) <= 1, "one claim, one token"
        assert not tokens & self.tokens, "a fencing token was issued twice"
        self.tokens |= tokens

    # The end of a lease.

    def ack(self, holds: Iterable[Hold]) -> Step:
        """Store emails."""
        jobs = self._standing(holds)

        def apply(_: Any) -> None:
            for job in jobs:
                job.place = "done"
                email, batch = self.emails[job.email], self.batches[job.batch]
                email.migrated, email.attempts, email.error = True, job.attempts, None
                email.path = object_key("body", job.email)
                parts = 1
                if job.email in self.with_file:
                    email.file_path = object_key("attachment", job.email)
                    parts = 2
                batch.parts += parts
                batch.bytes += parts * self.size

        return Step(_ids(jobs), apply, _ids(jobs))

    def nack(
        self, now: int, worker: int, holds: Iterable[Hold], fault: tuple[str, str], *, again: bool
    ) -> Step:
        """Note failed attempts."""
        jobs = self._standing(holds)

        def apply(_: Any) -> None:
            for job in jobs:
                self._fail(job, worker, *fault)
                self._mark_failed(job)
                if again and job.attempts < MAX_ATTEMPTS:
                    job.postponed_at, job.due = now, 0
                    self._place(job, "delayed")
                else:
                    job.place = "dead"

        return Step(_ids(jobs), apply, _ids(jobs), _forgotten(jobs))

    def release(self, holds: Iterable[Hold]) -> Step:
        """Give jobs back with the attempt not counted."""
        jobs = self._standing(holds)

        def apply(_: Any) -> None:
            for job in jobs:
                job.attempts -= 1
                self._place(job, "ready")

        return Step(_ids(jobs), apply, _ids(jobs), _forgotten(jobs))

    def strays(self, worker: int, kept: Collection[Hold]) -> list[Hold]:
        """What a worker holds without knowing."""
        held = [Hold(job.id, job.token) for job in self.at("leased") if job.worker == worker]
        return [hold for hold in held if hold not in kept]

    def _fail(self, job: Job, worker: int, reason: str, message: str) -> None:
        job.reason, job.message = reason, message
        self.failures.append([job.id, job.attempts, reason, worker])

    def _mark_failed(self, job: Job) -> None:
        email = self.emails[job.email]
        email.migrated, email.attempts, email.error = False, job.attempts, job.message

    # Recovery.

    def heartbeat(self, now: int, number: int, state: str, *, renew: bool) -> Step:
        """Show that a worker lives; renew its leases where they are half over."""
        renewed = [
            job
            for job in self.at("leased")
            if renew and job.worker == number and job.deadline < now + TIMEOUT // 2
        ]

        beats = self.workers[number].beats + 1

        def apply(_: Any) -> None:
            self.workers[number] = Worker(state, now, beats)
            for job in renewed:
                job.deadline = now + TIMEOUT

        return Step(beats, apply, _ids(renewed), frozenset({("worker", number)}))

    def reap(self, now: int) -> Step:
        """Take back what lost workers hold, and what is past its deadline."""
        lost = {
            number
            for number, worker in self.workers.items()
            if worker.state not in {"stopped", "lost"} and worker.heartbeat < now - STALE
        }
        gone = lost | {n for n, w in self.workers.items() if w.state in {"stopped", "lost"}}
        orphans = [j for j in self._free("leased") if j.deadline <= now or j.worker in gone]
        late = {job.id for job in orphans if job.deadline <= now}
        dying = [job for job in orphans if job.attempts >= MAX_ATTEMPTS]
        rows = frozenset(("worker", number) for number in lost) | _forgotten(orphans)

        def apply(_: Any) -> None:
            for number in lost:
                self.workers[number].state = "lost"
            for job in orphans:
                if job.id in late:
                    fault = "timeout", f"worker {job.worker} got no further with it"
                else:
                    fault = "worker_lost", f"worker {job.worker} ended without giving the job back"
                self._fail(job, job.worker, *fault)
                if job in dying:
                    job.place = "dead"
                    self._mark_failed(job)
                else:
                    self._place(job, "ready")

        return Step(len(orphans), apply, _ids(orphans), rows)

    def retry(self, jobs: Collection[int] | None, limit: int | None, *, reset: bool) -> Step:
        """Send dead letters round again."""
        chosen = [j for j in self.at("dead") if jobs is None or j.id in jobs][:limit]

        def apply(_: Any) -> None:
            for job in chosen:
                job.place, job.attempts = "ready", 0 if reset else job.attempts

        return Step(len(chosen), apply, _ids(chosen))

    # The clock, and the comparison.

    def pass_time(self, span: int) -> None:
        """Let the clock go on; what is stored is older then."""
        for job in self.jobs.values():
            job.due -= span
            job.postponed_at -= span
            job.leased_at -= span
            job.deadline -= span
        for worker in self.workers.values():
            worker.heartbeat -= span

    def learn(self, ids: dict[int, int], dues: dict[int, int], heartbeats: dict[int, int]) -> None:
        """Take over what the database alone decides, within its bounds: ids, jitter, a start."""
        for number, worker in self.workers.items():
            worker.heartbeat = worker.heartbeat or heartbeats[number]
        new = [job for job in self.jobs.values() if not job.id]
        highest = max((job.id for job in self.jobs.values()), default=0)
        for job in new:
            job.id = ids.get(job.email, 0)
            assert job.id > highest, "jobs are dispatched in order"
            highest = job.id
        for job in self.at("delayed"):
            if not job.due:
                job.due = dues[job.id]
                longest = DELAY * 2 ** (job.attempts - 1)
                wait = job.due - job.postponed_at
                assert 0 <= wait <= longest, f"a wait of {wait} µs, of at most {longest}"


def _by_id(job: Job) -> int:
    return job.id


def _in_order(job: Job) -> tuple[int, int]:
    return job.priority, job.id


def _by_due(job: Job) -> int:
    return job.due


def _ids(jobs: Iterable[Job]) -> frozenset[int]:
    return frozenset(job.id for job in jobs)


def _forgotten(jobs: Iterable[Job]) -> frozenset[tuple[object, ...]]:
    """The emails of cancelled jobs: who dispatches one waits to see whether it has a job."""
    return frozenset(("email", job.email) for job in jobs if job.cancelled)
