"""PostgreSQL away in the middle of a run: restarted, killed, cut off, hung; then on by itself."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from deploy import embedded
from mailvault.db import SILENCE
from tests.application import Application
from tests.fault.proxy import Proxy
from tests.program import Program
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Bucket

EMAILS = 1500


def assert_all_done_once(application: Application, emails: int) -> None:
    """And nothing was thrown away: each email was claimed once."""
    assert application.processed() == emails
    assert application.one("select count(*) from mailvault.failure") == 0
    assert application.all("select distinct migration_attempts from emails") == [(1,)]
    application.reconcile()


@pytest.mark.parametrize("how", ["fast", "immediate", "kill -9"])
def test_postgresql_ends_and_is_started_again(tmp_path: Path, bucket: Bucket, how: str) -> None:
    directory = tmp_path / "own-postgres"
    (tmp_path / "files").mkdir()
    application = Application(embedded.start_postgres(directory), tmp_path / "files")
    try:
        program = Program(tmp_path, {**application.environment(), **bucket.environment})
        application.add_emails(EMAILS)
        program.run("enqueue", "--all")
        worker = program.start("work", "--drain", "-j", "8")
        wait_until(lambda: application.processed() > 0, "the first email")
        application.connection.close()
        end(directory, how)
        assert worker.stdout
        for line in worker.stdout:
            if "PostgreSQL: " in line:
                break
        application = Application(
            embedded.start_postgres(directory), tmp_path / "files", is_new=False
        )
        said, _ = worker.communicate(timeout=200)
        assert worker.returncode == 0, said
        # A claim that PostgreSQL forgot would have its uploads repeated. An ack that was
        # committed, with its answer lost, is repeated too: its leases are "not ours any more".
        assert "were in the store already" not in said
        assert_all_done_once(application, EMAILS)
    finally:
        application.connection.close()
        embedded.stop_postgres(directory)


def end(directory: Path, how: str) -> None:
    """End a server as an operator, or as the kernel does."""
    server = embedded.postmaster(directory)
    assert server is not None
    if how == "kill -9":
        for process in (server, *server.children(recursive=True)):
            process.kill()
    else:
        server.send_signal(signal.SIGINT if how == "fast" else signal.SIGQUIT)
    server.wait(60)


@pytest.fixture
def line(direct: str) -> Iterator[Proxy]:
    """What leads to PostgreSQL, and can be cut."""
    with psycopg.connect(direct) as connection:
        host, port = connection.info.host, connection.info.port
    with Proxy(host, port) as proxy:
        yield proxy


def through(line: Proxy, direct: str) -> str:
    """The way to a database that leads over a line."""
    return psycopg.conninfo.make_conninfo(direct, host="127.0.0.1", port=line.port)


def test_a_line_that_is_cut_and_mended(
    application: Application, program: Program, line: Proxy, direct: str
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "--drain", "-j", "8", DATABASE_URL=through(line, direct))
    wait_until(lambda: application.processed() > 0, "the first email")
    line.cut()
    wait_until(lambda: line.refused >= 3, "the worker to try again")
    line.mend()
    said, _ = worker.communicate(timeout=200)
    assert worker.returncode == 0, said
    assert_all_done_once(application, EMAILS)


def test_a_line_that_hangs_for_a_while(
    application: Application, program: Program, line: Proxy, direct: str
) -> None:
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "--drain", "-j", "8", DATABASE_URL=through(line, direct))
    wait_until(lambda: application.processed() > 0, "the first email")
    line.freeze()
    silent = "select now() > heartbeat_at + interval '8 seconds' from mailvault.worker"
    wait_until(lambda: application.one(silent), "a heartbeat to be missed")
    line.thaw()
    said, _ = worker.communicate(timeout=200)
    assert worker.returncode == 0, said
    assert_all_done_once(application, EMAILS)


@pytest.mark.slow
def test_a_line_of_which_the_other_end_is_gone(
    application: Application, program: Program, line: Proxy, direct: str
) -> None:
    """Half open: what was connected gets no answer any more, and nobody resets it."""
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "--drain", "-j", "8", DATABASE_URL=through(line, direct))
    wait_until(lambda: application.processed() > 0, "the first email")
    started = time.monotonic()
    line.forsake()
    said, _ = worker.communicate(timeout=SILENCE + 120)
    assert worker.returncode == 0, said
    assert "the server does not answer" in said
    assert time.monotonic() - started > SILENCE / 2
    assert_all_done_once(application, EMAILS)


@pytest.mark.parametrize(("fault", "limit"), [("cut", 20), ("freeze", 45)])
def test_a_worker_ends_while_postgresql_is_away(
    application: Application, program: Program, line: Proxy, direct: str, fault: str, limit: int
) -> None:
    """Exit 3, within a time that a service manager waits; what it had is taken back by others."""
    application.add_emails(EMAILS)
    program.run("enqueue", "--all")
    worker = program.start("work", "-j", "8", DATABASE_URL=through(line, direct))
    wait_until(lambda: application.processed() > 0, "the first email")
    getattr(line, fault)()
    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=120)
    took = time.monotonic() - started
    assert worker.returncode == 3, said
    assert took < limit
    line.mend()
    line.thaw()
    program.run("work", "--drain", "-j", "8")
    assert application.processed() == EMAILS
    application.reconcile()
