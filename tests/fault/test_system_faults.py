"""Faults of the system in the middle of a run: held, no attempt counted, then on by itself."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from deploy import embedded
from mailvault.queue.roster import STALE
from tests.application import Application
from tests.fault.proxy import Proxy
from tests.program import Program
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Bucket

EMAILS = 3000

ONE_QUICK = ["rust", pytest.param("boto3", marks=pytest.mark.slow)]
"""Uploaders, of which one is seen with every change and the other among the slow tests."""


@pytest.fixture
def line_to_store(bucket: Bucket) -> Iterator[Proxy]:
    address = urlsplit(bucket.environment["S3_ENDPOINT"])
    assert address.hostname
    assert address.port
    with Proxy(address.hostname, address.port) as proxy:
        yield proxy


@pytest.mark.parametrize("uploader", ONE_QUICK)
def test_the_store_goes_away_and_comes_back(
    application: Application, program: Program, line_to_store: Proxy, uploader: str
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start(
        "work", "--drain", "-j", "8", "--uploader", uploader,
        S3_ENDPOINT=f"http://127.0.0.1:{line_to_store.port}",
    )  # fmt: skip
    wait_until(lambda: application.processed() > 0, "the first email")
    line_to_store.cut()
    held = "select held_reason from mailvault.worker where state = 'held'"
    wait_until(lambda: application.one(held), "the worker to be held")
    assert line_to_store.refused > 0
    shown = json.loads(program.run("status", "--json").stdout)
    assert shown["hold"]["kind"] == "breaker"
    assert shown["hold"]["reasons"][0]["signal"] == "store_unreachable"
    assert shown["eta"]["state"] == "held"
    assert "held: " in program.run("status").stdout

    line_to_store.mend()
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    assert application.processed() == EMAILS
    assert application.one("select count(*) from mailvault.failure") == 0
    assert application.all("select distinct migration_attempts from emails") == [(1,)]
    application.reconcile()


def test_the_bucket_is_removed_and_made_again(
    application: Application, bucket: Bucket, program: Program
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "-j", "4")
    wait_until(lambda: application.processed() > 0, "the first email")
    held = "select held_reason from mailvault.worker where state = 'held'"

    def is_held() -> bool:
        # Seaweed removes a bucket with what is in it; what was stored before is not of interest
        # here. A PUT that is under way makes its folder, and so the bucket, anew.
        with suppress(bucket.client.exceptions.NoSuchBucket):
            bucket.client.delete_bucket(Bucket=bucket.name)
        return application.one(held) is not None

    wait_until(is_held, "the worker to be held")
    assert application.one(held) == "bucket_missing"
    bucket.client.create_bucket(Bucket=bucket.name)
    wait_until(lambda: application.processed() == EMAILS, "all emails", timeout=120)
    worker.terminate()
    worker.communicate(timeout=30)
    assert application.one("select count(*) from mailvault.failure") == 0
    application.reconcile()


@pytest.mark.direct
def test_the_connections_to_postgresql_are_cut(
    application: Application, program: Program, postgres: str
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "--drain", "-j", "8")
    name = application.connection.info.dbname
    with psycopg.connect(postgres, autocommit=True) as admin:
        for goal in (1, EMAILS // 3, EMAILS // 2):
            wait_until(lambda: application.processed() >= goal, f"{goal} emails")  # noqa: B023
            cut = admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = %s and application_name = 'mailvault'",
                [name],
            ).fetchall()
            assert cut, "no connection was there to be cut"
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    assert "Traceback" not in said
    assert application.processed() == EMAILS
    assert application.one("select count(*) from mailvault.failure") == 0
    application.reconcile()


class GatewayServer(ThreadingHTTPServer):
    daemon_threads = False  # so that closing it waits until every connection is closed


class Gateway(BaseHTTPRequestHandler):
    """Answers as a proxy does whose backend is down."""

    def do_PUT(self) -> None:
        """Read what is sent, and refuse it; whoever sent it may be gone by then."""
        with suppress(ConnectionError):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_error(502)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("uploader", ONE_QUICK)
def test_a_gateway_without_its_store_makes_no_dead_letters(
    application: Application,
    program: Program,
    line_to_store: Proxy,
    uploader: str,
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start(
        "work", "--drain", "-j", "8", "--uploader", uploader,
        S3_ENDPOINT=f"http://127.0.0.1:{line_to_store.port}",
    )  # fmt: skip
    wait_until(lambda: application.processed() > 0, "the first email")
    with GatewayServer(("127.0.0.1", 0), Gateway) as gateway:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        line_to_store.turn_to("127.0.0.1", gateway.server_port)
        held = "select held_reason from mailvault.worker where state = 'held'"
        wait_until(lambda: application.one(held), "the worker to be held", timeout=120)
        line_to_store.turn_back()
        gateway.shutdown()
    said, _ = worker.communicate(timeout=200)
    assert worker.returncode == 0, said
    assert application.processed() == EMAILS
    assert application.one("select count(*) from mailvault.failure") == 0
    application.reconcile()


def test_a_row_that_the_application_has_locked_holds_nobody_up(
    application: Application, program: Program
) -> None:
    application.add_emails(200)
    program.run("enqueue", "--all")
    with psycopg.connect(application.dsn) as other:
        other.execute("select from emails where id = 7 for update")
        worker = program.start("work", "--drain", "-j", "8")
        wait_until(lambda: application.processed() == 199, "all the others")
        assert application.one("select is_migrated from emails where id = 7") is False
        other.rollback()
    said, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    assert application.processed() == 200
    assert application.one("select count(*) from mailvault.failure") == 0
    application.reconcile()


@pytest.mark.slow
def test_two_workers_outlive_an_outage_of_postgresql(tmp_path: Path, bucket: Bucket) -> None:
    """Longer than it takes to be called lost; nobody calls anybody so."""
    directory = tmp_path / "own-postgres"
    (tmp_path / "files").mkdir()
    application = Application(embedded.start_postgres(directory), tmp_path / "files")
    try:
        program = Program(tmp_path, {**application.environment(), **bucket.environment})
        application.add_emails(EMAILS)
        program.run("enqueue", "--all")
        workers = [program.start("work", "--drain", "-j", "8") for _ in range(2)]
        both = "select count(distinct worker_id) from mailvault.lease"
        wait_until(lambda: application.one(both) == 2, "both workers at work")
        application.connection.close()
        embedded.stop_postgres(directory)
        threading.Event().wait(STALE.total_seconds() + 5)
        application = Application(
            embedded.start_postgres(directory), tmp_path / "files", is_new=False
        )
        for worker in workers:
            said, _ = worker.communicate(timeout=200)
            assert worker.returncode == 0, said
        assert application.processed() == EMAILS
        assert application.one("select count(*) from mailvault.failure") == 0
        application.reconcile()
    finally:
        application.connection.close()
        embedded.stop_postgres(directory)
