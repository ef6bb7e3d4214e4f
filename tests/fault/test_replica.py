"""Mail that is read from a replica is never read before it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.application import Application
from tests.fault.cluster import Cluster
from tests.program import Program
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Bucket


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and a standby of it."""
    primary = Cluster.make(tmp_path / "primary")
    try:
        standby = primary.standby(tmp_path / "standby")
        try:
            yield primary, standby
        finally:
            standby.kill()
    finally:
        primary.kill()


@pytest.mark.direct
def test_a_worker_waits_until_the_replica_has_what_it_claimed(
    clusters: tuple[Cluster, Cluster], bucket: Bucket, tmp_path: Path
) -> None:
    primary, standby = clusters
    root = tmp_path / "files"
    root.mkdir()
    application = Application(primary.dsn, root)
    settings = {**application.environment(), **bucket.environment}
    program = Program(tmp_path, {**settings, "SOURCE_DATABASE_URL": standby.dsn})
    application.add_emails(10)
    with psycopg.connect(standby.dsn, autocommit=True) as replica:
        wait_until(
            lambda: (
                replica.execute("select to_regclass('mailvault.source_part')").fetchone()
                != (None,)
            ),
            "the standby to have the views",
        )
        replica.execute("select pg_wal_replay_pause()")
        application.add_emails(10)
        application.connection.execute("update emails set body = 'changed' where id = 1")
        program.run("enqueue", "--all")
        worker = program.start("work")
        try:
            held = "select held_reason from mailvault.worker where state = 'held'"
            wait_until(lambda: application.one(held) == "replica_lag", "the worker to be held")
            assert application.processed() == 0
            # Nothing is read meanwhile, and what was claimed goes back on request.
            worker.terminate()
            worker.communicate(timeout=60)
            assert application.one("select count(*) from mailvault.lease") == 0
            worker = program.start("work")
            wait_until(lambda: application.one(held) == "replica_lag", "the worker to be held")
            replica.execute("select pg_wal_replay_resume()")
            wait_until(lambda: application.processed() == 20, "all to be stored")
        finally:
            worker.terminate()
            worker.communicate(timeout=60)
    assert application.one("select count(*) from mailvault.part") == 20
    key = application.one("select body_s3_path from emails where id = 1")
    assert bucket.read(key) == b"changed"
    assert application.one("select max(migration_attempts) from emails") == 1
    application.reconcile()
    application.connection.close()
