"""A run of the worker inside the test, with the program's waits cut short."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from mailvault.errors import UnreachableError
from mailvault.worker.options import WorkOptions
from mailvault.worker.process import run_worker
from mailvault.worker.stop import Stop
from tests.settings import settings_of

if TYPE_CHECKING:
    import pytest

    from mailvault.config import UploaderChoice
    from mailvault.worker.process import WorkResult
    from tests.application import Application
    from tests.conftest import Bucket

SHORTENED: dict[str, Any] = {
    "mailvault.db.SILENCE": 2.0,
    "mailvault.worker.heart.BEAT": 0.2,
    "mailvault.worker.heart.STALE": timedelta(seconds=10),
    "mailvault.worker.patience.LONGEST_WAIT": 0.5,
    "mailvault.worker.breaker.FIRST_WAIT": 0.1,
    "mailvault.worker.breaker.LONGEST_WAIT": 0.5,
    "mailvault.worker.settle.POSTPONED": 0.2,
}

SECONDS = 60.0
"""In which a run must have ended, unless it is a long one."""

IMPOSSIBLE = "no-such-file.bin"


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the intervals that are no settings to a tenth or so, for the rest of the test."""
    for name, value in SHORTENED.items():
        monkeypatch.setattr(name, value)


class Runs:
    """Runs a worker to its end, and again after a fault that ends it."""

    def __init__(self, application: Application, bucket: Bucket, **settings: str) -> None:
        self._application = application
        self._bucket = bucket
        self._given = {
            **application.environment(),
            **bucket.environment,
            "MIGRATION_RETRY_DELAY": "0",
            **settings,
        }

    def drain(
        self,
        uploader: UploaderChoice,
        stop: Stop,
        *,
        concurrency: int = 2,
        seconds: float = SECONDS,
    ) -> WorkResult | None:
        """Work until nothing is left; None if the worker says that a server is out of reach."""
        settings = settings_of(self._given)
        options = WorkOptions(concurrency, uploader, drain=True)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(run_worker, settings, options, stop)
            try:
                return running.result(seconds)
            except (psycopg.OperationalError, UnreachableError):
                return None
            finally:
                stop.heed()
                stop.heed()

    def drain_at_last(self, uploader: UploaderChoice) -> WorkResult:
        """Work until nothing is left, with nothing in the way."""
        result = self.drain(uploader, Stop())
        assert result is not None, "out of reach, although all faults are over"
        return result

    def check(self) -> None:
        """Every part is stored once, with the source's bytes; only the impossible is dead."""
        application = self._application
        application.reconcile()
        left = "select count(*) from mailvault.progress where remaining > 0"
        assert application.one(left) == 0
        dead = application.all("""
            select j.email_key::bigint from mailvault.dead_letter as d
            inner join mailvault.job as j on d.job_id = j.id
        """)
        impossible = application.all(
            "select email_id from files where local_path = %s", IMPOSSIBLE
        )
        assert dead == impossible
        stored = application.all("""
            select p.kind, p.part_key::bigint, p.object_key from mailvault.part as p
            inner join mailvault.object as o on p.object_key = o.key
        """)
        expected = self._expected({email for (email,) in dead})
        assert {(kind, part) for kind, part, _ in stored} == expected.keys()
        for kind, part, key in stored:
            found = hashlib.sha256(self._bucket.read(key)).hexdigest()
            assert found == expected[kind, part], f"{kind} {part} at {key}"

    def _expected(self, dead: set[int]) -> dict[tuple[str, int], str]:
        """The digest of every part of the source, except those of some emails."""
        found = {}
        for email, body in self._application.all("select id, body from emails"):
            if email not in dead:
                found["body", email] = hashlib.sha256(body.encode()).hexdigest()
        for file, email, path in self._application.all(
            "select id, email_id, local_path from files"
        ):
            if email not in dead:
                content = (self._application.files_root / path).read_bytes()
                found["attachment", file] = hashlib.sha256(content).hexdigest()
        return found
