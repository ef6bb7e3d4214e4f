"""How a history takes its steps: on the real queue and in the reference, and compared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from hypothesis.stateful import RuleBasedStateMachine, invariant

from mailvault.models import StoredObject
from mailvault.queue.batches import Batches
from mailvault.queue.control import Control
from mailvault.queue.failures import Failures
from mailvault.queue.outbox import Failure, Lease, Outbox, RetryPolicy, StoredPart
from tests.model import state
from tests.model.database import EMAILS, WITH_FILE
from tests.model.expected import expected
from tests.model.reference import Reference
from tests.model.state import Email, Hold, Step, Worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from mailvault.db import Pool
    from tests.model.database import Database

Move = tuple["Callable[[int], Step]", "Callable[[], Any]"]
"""One operation: what the reference makes of it at a time, and the call of the real one."""

POLICY = RetryPolicy(
    max_attempts=state.MAX_ATTEMPTS,
    delay=timedelta(microseconds=state.DELAY),
    timeout=timedelta(microseconds=state.TIMEOUT),
)
STALE = timedelta(microseconds=state.STALE)
FAULT = ("store_fault", "the store said 500")
SIZE = 7
DAY = 86400 * state.SECOND


@dataclass
class Client:
    """A worker as it sees itself: what it believes to hold, and what it held once."""

    outbox: Outbox
    hands: list[Lease] = field(default_factory=list)
    spent: list[Lease] = field(default_factory=list)
    after: list[int] = field(default_factory=lambda: [0] * 10)

    def claim(self, limit: int, after: list[int] | None) -> list[Lease]:
        """Claim as `Outbox.claim` does, from a position of the test's choice."""
        leases = self.outbox.claim_after(after, limit)
        for lease in leases:
            self.after[lease.priority] = max(self.after[lease.priority], lease.job_id)
        return leases

    def take(self, share: str) -> list[Lease]:
        """Some of the leases in hand, which are out of hand then; no job twice."""
        cut = {"all": slice(None), "first": slice(1), "last": slice(-1, None)}[share]
        taken = list({lease.job_id: lease for lease in self.hands[cut]}.values())
        self.hands = [lease for lease in self.hands if lease not in taken]
        self.spent += taken
        return taken


@dataclass
class Pending:
    """A transaction that is open on the second connection."""

    step: Step
    given: Any
    leased: list[Lease]
    client: Client


class Steps(RuleBasedStateMachine):
    """The two queues; `marks` counts what came to pass in all histories."""

    def __init__(self, database: Database, marks: Counter[str]) -> None:
        super().__init__()
        self.database = database
        self.marks = marks
        database.clean()
        self.reference = Reference(
            {number: Email() for number in range(1, EMAILS + 1)}, WITH_FILE, SIZE
        )
        self.batches = Batches(database.main.connection)
        self.failures = Failures(database.main.connection)
        self.control = Control(database.main.connection)
        self.pending: Pending | None = None
        self.sound = True
        self.seen = False
        self.clients = [self.register_worker() for _ in range(3)]

    # How a step is done.

    def register_worker(self) -> Client:
        outbox = Outbox(cast("Pool", self.database), POLICY, clock=lambda: 0.0)
        outbox.register(host="here", pid=1, concurrency=4, uploader="rust", uploader_reason="test")
        self.reference.workers[outbox.worker_id] = Worker("running", 0)
        return Client(outbox)

    def do(self, make: Callable[[int], Step], call: Callable[[], Any], end: str = "") -> Any:
        """Do one step in a transaction of its own.

        If it would wait for the open transaction, that one ends: first, or, where `end` says how,
        while the step waits.
        """
        self.sound = False
        now = self.database.main.begin()
        step = make(now)
        if not self.reference.waits(step):
            answer = call()
        elif end:
            with ThreadPoolExecutor(1) as thread:
                future = thread.submit(call)
                wait_until(lambda: future.done() or self.database.is_waiting(), "the lock")
                self.marks["waited"] += not future.done()
                self.end_open(end)
                answer = future.result()
            step = make(now)
        else:
            self.end_open("commit")
            step = make(now)
            answer = call()
        self._compare(answer, step)
        step.apply(given(answer))
        self.look()
        return answer

    def _compare(self, answer: Any, step: Step) -> None:
        if isinstance(answer, list) and answer and isinstance(answer[0], Lease):
            self.reference.issue({lease.token for lease in answer})
            answer = [(lease.job_id, lease.email_key, lease.attempt) for lease in answer]
        if step.answer == state.NEW:
            assert answer > max((job.id for job in self.reference.jobs.values()), default=0)
        else:
            assert answer == step.answer
        self.marks["beside an open transaction"] += self.pending is not None

    def dispatching(self, email: int, priority: int) -> Move:
        return (
            lambda _: self.reference.dispatch(email, priority),
            lambda: self.database.dispatch(email, priority),
        )

    def end_open(self, end: str) -> None:
        if self.pending is None:
            return
        pending, self.pending = self.pending, None
        self.reference.open = None
        self.marks[f"{end} of what was open"] += 1
        if end == "kill":
            self.database.kill_beside()
        else:
            self.database.beside.end(end)
        if end == "commit":
            pending.step.apply(pending.given)
            pending.client.hands += pending.leased
        else:
            pending.client.spent += pending.leased

    # What a worker asks.

    def claiming(self, client: Client, limit: int, *, ahead: bool) -> Move:
        """Claim from the start, or from the last job that this worker has seen."""
        worker, after = client.outbox.worker_id, list(client.after) if ahead else None
        return (
            lambda now: self.reference.claim(now, worker, limit, after),
            lambda: client.claim(limit, after),
        )

    def settling(self, client: Client, leases: Sequence[Lease], way: str) -> Move:
        outbox, worker = client.outbox, client.outbox.worker_id
        holds = [Hold(lease.job_id, lease.token) for lease in leases]
        if way == "ack":
            done = [(lease, stored(lease)) for lease in leases]
            return lambda _: self.reference.ack(holds), lambda: outbox.ack(done)
        if way == "release":
            return lambda _: self.reference.release(holds), lambda: outbox.release(leases)
        again = way == "nack"
        failed = [(lease, Failure(*FAULT, retryable=again)) for lease in leases]
        return (
            lambda now: self.reference.nack(now, worker, holds, FAULT, again=again),
            lambda: outbox.nack(failed),
        )

    # What must be true.

    @invariant()
    def everything_is_as_expected(self) -> None:
        """Look, where the step did not do that itself."""
        if not self.seen:
            self.look()
        self.seen = False

    def look(self) -> None:
        """Compare the whole queue with the reference; commits what is under way."""
        self.sound = False
        seen = self.database.look()
        self.reference.learn(
            {int(email): job for job, email, *_ in seen["jobs"]},
            {row[0]: row[3] for row in seen["delayed"]},
            {worker: heartbeat for worker, _, heartbeat in seen["workers"]},
        )
        due = expected(self.reference)
        wrong = [name for name in due if seen[name] != due[name]]
        assert {name: seen[name] for name in wrong} == {name: due[name] for name in wrong}
        self.sound = self.seen = True


def stored(lease: Lease) -> list[StoredPart]:
    kinds = ["body", "attachment"] if int(lease.email_key) in WITH_FILE else ["body"]
    return [
        StoredPart(
            kind,
            lease.email_key,
            "text/html",
            StoredObject(
                state.object_key(kind, int(lease.email_key)), SIZE, b"7" * 32, "etag", created=True
            ),
        )
        for kind in kinds
    ]


def given(answer: Any) -> Any:
    """What a step needs to know of its answer: the tokens of a claim, a job's id."""
    return [lease.token for lease in answer] if isinstance(answer, list) else answer
