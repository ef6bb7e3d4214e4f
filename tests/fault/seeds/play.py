"""Plays one seed: mail, workers and faults, until everything is as it must be."""

from __future__ import annotations

import heapq
import itertools
import shutil
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from tests.application import Application
from tests.fault.seeds.check import check
from tests.fault.seeds.crew import Crew
from tests.fault.seeds.faults import Faults, dispatch
from tests.fault.seeds.plan import body, content
from tests.fault.seeds.watch import Watch
from tests.fault.sql_proxy import SqlProxy
from tests.fault.store_proxy import StoreProxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fault.seeds.faults import Step
    from tests.fault.seeds.plan import Plan
    from tests.fault.seeds.reader import Bucket
    from tests.fault.seeds.slot import Slot

TICK = 0.02

DEADLINE = 120.0
"""Seconds after the last fault in which everything must be done."""

RECOVERED = 30.0
"""Seconds in which an orphaned lease must be taken back, by the intervals of the program."""


@dataclass
class Result:
    """What one seed came to."""

    plan: Plan
    seconds: float = 0.0
    fired: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    late: int = 0
    started: int = 0
    recovered: list[float] = field(default_factory=list)
    error: str = ""


def play(plan: Plan, slot: Slot) -> Result:
    """Run a plan; an error is in the result, and then the directory with the logs is left."""
    result = Result(plan)
    began = time.monotonic()
    directory = slot.directory / f"seed-{plan.seed}"
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "files").mkdir(parents=True)
    name = f"seed-{plan.seed}"
    try:
        with slot.database(name) as dsn, slot.bucket(f"{slot.directory.name}-{name}") as bucket:
            Run(plan, slot, dsn, bucket, directory, result).play()
    except Exception:  # noqa: BLE001  # whatever it was, the seed failed
        slot.start_postgres()
        result.error = traceback.format_exc()
        (directory / "error.log").write_text(result.error)
    else:
        shutil.rmtree(directory)
    result.seconds = time.monotonic() - began
    return result


class Run:
    """One run of a plan."""

    def __init__(
        self, plan: Plan, slot: Slot, dsn: str, bucket: Bucket, directory: Path, result: Result
    ) -> None:
        self._plan = plan
        self._slot = slot
        self._dsn = dsn
        self._bucket = bucket
        self._directory = directory
        self._result = result

    def play(self) -> None:
        """Do all of it, and check it."""
        with (
            Watch(self._dsn, self._directory) as watch,
            SqlProxy(self._dsn) as sql,
            StoreProxy(self._bucket.settings["S3_ENDPOINT"]) as store,
        ):
            self._write_mail()
            store.latency = self._plan.latency
            crew = Crew(self._plan, self._environment(sql, store), self._directory)
            faults = Faults(self._plan, self._slot, self._dsn, sql, store, crew)
            try:
                self._go_through(faults, crew, watch)
                store.latency = 0.0
                self._wait_until_done(faults, crew, watch)
                crew.dismiss()
            finally:
                crew.abandon()
                faults.close()
                self._take_down(faults, crew, watch)
        assert watch.broken is None, watch.broken
        application = Application(self._dsn, self._directory, is_new=False)
        try:
            check(self._plan, application, self._bucket, store.writes())
            self._measure(faults, application)
        finally:
            application.connection.close()

    def _environment(self, sql: SqlProxy, store: StoreProxy) -> dict[str, str]:
        return {
            **self._bucket.settings,
            **self._plan.settings,
            "DATABASE_URL": sql.dsn(),
            "S3_ENDPOINT": store.endpoint,
            "MIGRATION_FILES_ROOT": str(self._directory / "files"),
        }

    def _write_mail(self) -> None:
        plan = self._plan
        root = self._directory / "files"
        (root / "of-another.txt").touch()
        emails = [(email.id, body(plan.seed, email)) for email in plan.emails]
        files = []
        for email in plan.emails:
            for number, attachment in enumerate(email.attachments):
                path = attachment.impossible or f"{email.id}-{number}.bin"
                if not attachment.impossible:
                    (root / path).write_bytes(content(plan.seed, email, number))
                files.append((email.id, f"{number}.bin", attachment.size, path))
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            cursor = connection.cursor()
            cursor.executemany("insert into emails (id, body) values (%s, %s)", emails)
            cursor.executemany(
                "insert into files (email_id, filename, size, local_path) values (%s, %s, %s, %s)",
                files,
            )
            dispatch(connection, plan, plan.first)

    def _go_through(self, faults: Faults, crew: Crew, watch: Watch) -> None:
        """Let every fault begin and end at its time, from the first claim on."""
        self._wait(
            lambda: faults.ask("select from mailvault.lease limit 1"), "a claim", crew, watch
        )
        pause = threading.Event()
        order = itertools.count()
        due: list[tuple[float, int, float, Step]] = []

        def plan(step: Step) -> None:
            at = time.monotonic() + step.after
            heapq.heappush(due, (at, next(order), at + step.patience, step))

        for event in self._plan.events:
            plan(faults.first_step(event))
        while due:
            at, _, latest, step = heapq.heappop(due)
            while time.monotonic() < at:
                crew.tend()
                pause.wait(TICK)
            if time.monotonic() < latest and not step.ready():
                heapq.heappush(due, (time.monotonic() + TICK, next(order), latest, step))
                continue
            following = step.run()
            if following is not None:
                plan(following)

    def _wait_until_done(self, faults: Faults, crew: Crew, watch: Watch) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            dispatch(connection, self._plan)
            dispatch(connection, self._plan)  # first the one that was interrupted, then the rest
        left = """
            select from mailvault.outbox union all select from mailvault.delayed
            union all select from mailvault.lease
        """
        self._wait(lambda: faults.ask(left) == [], "all emails to be done", crew, watch)

    def _wait(self, condition: Callable[[], object], what: str, crew: Crew, watch: Watch) -> None:
        deadline = time.monotonic() + DEADLINE
        pause = threading.Event()
        while not condition():
            assert watch.broken is None, watch.broken
            assert time.monotonic() < deadline, f"waited {DEADLINE:.0f} s in vain: {what}"
            crew.tend()
            pause.wait(TICK)

    def _take_down(self, faults: Faults, crew: Crew, watch: Watch) -> None:
        log = crew.log.read_text() if crew.log.exists() else ""
        assert "Traceback" not in log, "a worker shows a traceback"
        self._result.fired = faults.fired
        self._result.looks = watch.looks
        self._result.late = log.count("its lease is not ours any more")
        self._result.started = crew.started

    def _measure(self, faults: Faults, application: Application) -> None:
        """How long each orphaned lease lasted, from the kill or from PostgreSQL's return."""
        for orphans in faults.orphans:
            ended: float | None = application.one(
                "select extract(epoch from max(at))::float from audit.ended where token = any(%s)",
                orphans.tokens,
            )
            assert ended is not None, "an orphaned lease was not taken back"
            away = [end for end in faults.database_away if orphans.since < end < ended]
            took = ended - max([orphans.since, *away])
            self._result.recovered.append(took)
            assert took <= RECOVERED, f"an orphaned lease lasted {took:.1f} s"
