"""The faults of a timetable: each begins, notes whether it hit, and may have an end."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from mailvault.queue.batches import Batches, Selection
from mailvault.queue.failures import Failures
from tests.fault.seeds.plan import Kind
from tests.s3.fake_store import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fault.line import Line
    from tests.fault.seeds.crew import Crew
    from tests.fault.seeds.member import Worker
    from tests.fault.seeds.plan import Event, Plan
    from tests.fault.seeds.slot import Slot
    from tests.fault.sql_proxy import SqlProxy
    from tests.fault.store_proxy import StoreProxy

BUSY = Answer(503, "SlowDown", "Please reduce your request rate.")

HELD_BY = """
select l.token from mailvault.lease as l
inner join mailvault.worker as w on l.worker_id = w.id
where w.pid = any(%s)
"""

LEASES = "select count(*) from mailvault.lease"

LETTERS = "select count(*) from mailvault.dead_letter"

TAKEN_OVER = "select count(*) from audit.ended where token = any(%s) and owner <> actor"

WORKERS = """
select count(*) from pg_stat_activity as a
inner join mailvault.worker as w on a.application_name = w.pid::text
where a.datname = current_database()
"""


PATIENCE = 3.0
"""Seconds that a fault waits for something to hit."""


class Step(NamedTuple):
    """Something to do `after` so many seconds, once it is `ready`, or out of `patience`."""

    run: Callable[[], Step | None]
    after: float
    ready: Callable[[], object] = lambda: True
    patience: float = 0.0


@dataclass(frozen=True)
class Orphans:
    """Leases whose worker was killed, and when."""

    tokens: list[Any]
    since: float


class Faults:
    """Does to servers, lines and workers what events say.

    Attributes:
        fired: How often each kind of fault really hit something.
        orphans: What killed workers left behind.
        database_away: When PostgreSQL was out of reach of the workers: begin and end.
    """

    def __init__(
        self, plan: Plan, slot: Slot, dsn: str, sql: SqlProxy, store: StoreProxy, crew: Crew
    ) -> None:
        self._plan = plan
        self._slot = slot
        self._dsn = dsn
        self._sql = sql
        self._store = store
        self._crew = crew
        self._connection: psycopg.Connection | None = None
        self.fired: Counter[str] = Counter()
        self.orphans: list[Orphans] = []
        self.database_away: list[float] = []

    def first_step(self, event: Event) -> Step:
        """Return how a fault begins; it waits a little for what would make it worth while."""
        acts: dict[Kind, tuple[Callable[[Event], Step | None], Callable[[], object]]] = {
            Kind.KILL: (self._kill, lambda: self._all_hold(event, 1)),
            Kind.TERM: (self._term, lambda: self._all_hold(event, 1)),
            Kind.STALL: (self._stall, lambda: self._all_hold(event, 2)),
            Kind.POSTGRES: (self._kill_postgres, lambda: self._count(WORKERS)),
            Kind.SQL_CUT: (lambda _: self._cut(event, self._sql), lambda: True),
            Kind.SQL_HUNG: (lambda _: self._silence(event, self._sql), lambda: True),
            Kind.STORE_CUT: (lambda _: self._cut(event, self._store), lambda: self._count(LEASES)),
            Kind.STORE_HUNG: (
                lambda _: self._silence(event, self._store), lambda: self._count(LEASES)
            ),
            Kind.STORE_BUSY: (self._refuse, lambda: self._count(LEASES)),
            Kind.RETRY: (self._retry, lambda: self._count(LETTERS)),
            Kind.ENQUEUE: (self._enqueue_twice, lambda: self.ask(LEASES)),
        }  # fmt: skip
        run, ready = acts[event.kind]
        return Step(lambda: run(event), event.at, ready, PATIENCE)

    def ask(self, statement: str, *parameters: object) -> list[tuple[Any, ...]] | None:
        """Ask the database past the lines; None if it is down."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._dsn, autocommit=True)
            return self._connection.execute(statement, parameters).fetchall()
        except psycopg.OperationalError:
            self._connection = None
            return None

    def close(self) -> None:
        """Ask no more."""
        if self._connection is not None:
            self._connection.close()

    def _held(self, *workers: Worker) -> list[Any]:
        pids = [worker.pid for worker in workers]
        return [token for (token,) in self.ask(HELD_BY, pids) or ()]

    def _count(self, statement: str, *parameters: object) -> int:
        return sum(count for (count,) in self.ask(statement, *parameters) or ())

    def _victims(self, event: Event, count: int) -> list[Worker]:
        return [self._crew.member(event.victim + number) for number in range(count)]

    def _all_hold(self, event: Event, count: int) -> bool:
        return all(self._held(worker) for worker in self._victims(event, count))

    def _kill(self, event: Event) -> None:
        [worker] = self._victims(event, 1)
        alive = self._crew.kill(worker)
        tokens = self._held(worker)
        if alive and tokens:
            self.fired[Kind.KILL] += 1
            self.orphans.append(Orphans(tokens, time.time()))

    def _term(self, event: Event) -> None:
        [worker] = self._victims(event, 1)
        self.fired[Kind.TERM] += worker.lives and bool(self._held(worker))
        worker.signal(signal.SIGTERM)

    def _stall(self, event: Event) -> Step:
        """Stop two workers, until others took over what they hold."""
        stalled = self._victims(event, 2)
        for worker in stalled:
            worker.signal(signal.SIGSTOP)
        tokens = self._held(*stalled)

        def wake() -> None:
            self.fired[Kind.STALL] += self._count(TAKEN_OVER, tokens) > 0
            for worker in stalled:
                worker.signal(signal.SIGCONT)

        longest = 35 if self._plan.default_clock else 9
        return Step(wake, 0.5, lambda: not self._held(*stalled), longest)

    def _kill_postgres(self, event: Event) -> Step:
        connected = self._count(WORKERS)
        self._slot.kill_postgres()
        self.fired[Kind.POSTGRES] += connected > 0

        def start() -> None:
            self._slot.start_postgres()
            self.database_away.append(time.time())

        return Step(start, event.lasts)

    def _cut(self, event: Event, line: Line) -> Step:
        before = line.marks["cut"]
        line.cut()
        self.fired[event.kind] += line.marks["cut"] > before
        return Step(lambda: self._mend(line), event.lasts)

    def _silence(self, event: Event, line: Line) -> Step:
        before = line.marks["held"]
        line.fall_silent()

        def speak() -> None:
            self.fired[event.kind] += line.marks["held"] > before
            self._mend(line)

        return Step(speak, event.lasts, lambda: line.marks["held"] > before, PATIENCE)

    def _mend(self, line: Line) -> None:
        line.mend()
        if line is self._sql:
            self.database_away.append(time.time())

    def _refuse(self, event: Event) -> Step:
        before = self._store.done[BUSY.status]
        self._store.script = lambda _: BUSY

        def obey() -> None:
            self._store.script = lambda _: None
            self.fired[Kind.STORE_BUSY] += self._store.done[BUSY.status] > before

        return Step(obey, event.lasts, lambda: self._store.done[BUSY.status] > before, PATIENCE)

    def _retry(self, _: Event) -> None:
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(self._dsn, autocommit=True) as connection,
        ):
            self.fired[Kind.RETRY] += Failures(connection).retry(reset=True) > 0

    def _enqueue_twice(self, _: Event) -> None:
        together = threading.Barrier(2)

        def enqueue() -> int:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                together.wait()
                return dispatch(connection, self._plan)

        with ThreadPoolExecutor(2) as pool, suppress(psycopg.OperationalError):
            both = [pool.submit(enqueue) for _ in range(2)]
            self.fired[Kind.ENQUEUE] += sum(one.result() for one in both) > 0


def dispatch(connection: psycopg.Connection, plan: Plan, most: int | None = None) -> int:
    """Enqueue what was not enqueued yet, as the command does; return how many."""
    batches = Batches(connection)
    batch = batches.open(Selection(max_emails=most))
    if batch is None:
        return 0
    chunk = int(plan.settings["MIGRATION_BATCH_SIZE"])
    return [batch.dispatched, *batches.dispatch(batch, chunk)][-1] - batch.dispatched
