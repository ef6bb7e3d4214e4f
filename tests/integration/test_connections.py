"""Connections: a pooler in between is noticed, and a server that falls silent is given up."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.db import Pool
from mailvault.queue.outbox import Outbox
from tests.outbox import POLICY

if TYPE_CHECKING:
    from tests.application import Application


def test_a_pooler_in_between_is_noticed(
    pool: Pool, way: str, postgres: str, application: Application
) -> None:
    with pool.connection() as connection:
        assert connection.pooled is (way != postgres)
        assert (connection.prepare_threshold is None) is (way != postgres)


def test_the_tests_without_a_pooler_have_none(direct: str) -> None:
    with Pool(direct) as pool, pool.connection() as connection:
        assert not connection.pooled


def test_a_statement_may_be_repeated_however_often(pool: Pool) -> None:
    """A prepared statement would be missing where the pooler leads to another session."""
    with pool.connection() as connection, pool.connection() as again:
        assert again is connection

    def run() -> None:
        with pool.connection() as connection:
            for number in range(20):
                row = connection.execute("select %s::int, pg_sleep(0.001)", [number]).fetchone()
                assert row
                assert row[0] == number

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_waiting_for_work_ends_when_told(pool: Pool, application: Application) -> None:
    """By a hint, or where a pooler is in between by the worker's stop."""
    outbox = Outbox(pool, POLICY)
    stop = threading.Event()
    with pool.connection() as connection:
        pooled = connection.pooled

    def wait() -> None:
        outbox.wait_for_work(60, stop)

    waiting = threading.Thread(target=wait)
    started = time.monotonic()
    waiting.start()
    if pooled:
        stop.set()
    while waiting.is_alive() and time.monotonic() - started < 30:
        application.connection.execute("notify mailvault")
        waiting.join(0.05)
    assert not waiting.is_alive()


def test_a_broken_connection_is_replaced(direct: str) -> None:
    with Pool(direct) as pool:
        with pool.connection() as connection, psycopg.connect(direct, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError), pool.connection() as connection:
            connection.execute("select 1")
        with pool.connection() as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_server_that_falls_silent_is_given_up(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.silence = 0.3
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            connection.execute("select pg_sleep(60)")
        assert connection.closed
    with pool.connection() as connection:
        connection.silence = 2.0
        # An answer that takes long, but goes on, is not silence.
        rows = connection.execute(
            "select repeat('x', 100000), pg_sleep(0.2) from generate_series(1, 15)"
        ).fetchall()
        assert len(rows) == 15


def test_once_stopping_silence_is_borne_for_a_moment_only(
    application: Application,
) -> None:
    stop = threading.Event()
    with Pool(application.dsn, stop) as pool, pool.connection() as connection:
        threading.Timer(0.2, stop.set).start()
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            connection.execute("select pg_sleep(60)")
        assert time.monotonic() - started < 20
