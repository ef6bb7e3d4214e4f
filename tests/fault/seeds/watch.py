"""Looks at the database all through a run: what must hold always, holds during faults, too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import IsolationLevel

from tests.application import Application

if TYPE_CHECKING:
    from pathlib import Path

BETWEEN = 0.2
"""Seconds between two looks."""


class Watch:
    """A thread that checks, and keeps the first thing that was not right.

    Attributes:
        looks: How often it saw everything in one snapshot.
        broken: What was wrong, if anything was.
    """

    def __init__(self, dsn: str, root: Path) -> None:
        self._dsn = dsn
        self._root = root
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._done: set[int] = set()
        self.looks = 0
        self.broken: str | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        application: Application | None = None
        while not self._ended.wait(BETWEEN) and self.broken is None:
            try:
                if application is None:
                    application = Application(self._dsn, self._root, is_new=False)
                    application.connection.isolation_level = IsolationLevel.REPEATABLE_READ
                with application.connection.transaction():
                    self._look(application)
                self.looks += 1
            except psycopg.OperationalError:
                application = None  # PostgreSQL was killed
            except AssertionError as error:
                self.broken = f"during the faults: {error}"
        if application is not None:
            application.connection.close()

    def _look(self, application: Application) -> None:
        application.reconcile()
        over = application.all(
            "select batch, total, dispatched, processed, failed from mailvault.progress "
            "where processed + failed > dispatched or dispatched > total"
        )
        assert over == [], f"more than there is: {over}"
        done = {job for (job,) in application.all("""
            select j.id from mailvault.job as j
            where not exists (select from mailvault.outbox as o where o.job_id = j.id)
                and not exists (select from mailvault.delayed as d where d.job_id = j.id)
                and not exists (select from mailvault.lease as l where l.job_id = j.id)
                and not exists (select from mailvault.dead_letter as x where x.job_id = j.id)
        """)}  # fmt: skip
        assert done >= self._done, f"no longer done: {sorted(self._done - done)}"
        self._done = done
        twice = application.all(
            "select job_id from audit.acked group by job_id having count(*) > 1"
        )
        assert twice == [], f"done twice: {twice}"
        unproven = application.one("""
            select count(*) from emails as e where e.is_migrated and not exists (
                select from mailvault.job as j
                inner join mailvault.part as p on j.id = p.job_id
                where j.email_key = e.id::text
            )
        """)
        assert unproven == 0, f"{unproven} emails are marked and have no part"
