"""The doctor on a server of its own, whose settings and replication may be spoilt."""

from __future__ import annotations

import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg
import pytest

from deploy import embedded
from mailvault.observe.doctor import holders
from tests.patient import bad, findings, only
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A server that takes prepared transactions."""
    with TemporaryDirectory(prefix="mailvault-doctor-") as name:
        directory = Path(name) / "postgres"
        with psycopg.connect(embedded.start_postgres(directory), autocommit=True) as connection:
            connection.execute("alter system set max_prepared_transactions = 2")
            connection.execute("alter system set wal_level = logical")
        embedded.stop_postgres(directory)
        embedded.start_postgres(directory)
        yield directory
        embedded.stop_postgres(directory)


@pytest.fixture
def server(directory: Path) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(embedded.start_postgres(directory), autocommit=True)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ("autovacuum", "autovacuum"),
        ("autovacuum", "track_counts"),
        ("durability", "fsync"),
        ("durability", "full_page_writes"),
    ],
)
def test_a_switch_that_is_off_is_found(server: psycopg.Connection, check: str, name: str) -> None:
    server.execute(f"alter system set {name} = off")
    server.execute("select pg_reload_conf()")
    with closing(psycopg.connect(server.info.dsn, autocommit=True)) as connection:
        found = only(connection, check)
    server.execute(f"alter system reset {name}")
    server.execute("select pg_reload_conf()")
    assert found.severity == "problem"
    assert found.what.startswith(f"{name} is off: ")
    assert found.remedy == f"alter system set {name} = on; select pg_reload_conf();"


def test_a_prepared_transaction_is_found(
    server: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "OLD_TRANSACTION", timedelta(0))
    server.execute("begin; create table t (i int); prepare transaction 'it''s old'")
    found = only(server, "transactions")
    assert found.severity == "problem"
    assert "transaction 'it''s old' of postgres was prepared 0s ago" in found.what
    assert found.remedy == "rollback prepared 'it''s old'; (or commit)"
    server.execute("rollback prepared 'it''s old'")
    assert only(server, "transactions").severity == "ok"


@pytest.mark.parametrize(("much", "severity"), [(1024**3, "warning"), (0, "problem")])
def test_a_slot_that_nobody_reads_is_found(
    server: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, much: int, severity: str
) -> None:
    monkeypatch.setattr(holders, "MUCH_LOG", much)
    server.execute("select pg_create_physical_replication_slot('forgotten', true)")
    found = only(server, "replication")
    server.execute("select pg_drop_replication_slot('forgotten')")
    assert found.severity == severity
    assert found.what.startswith("nobody reads replication slot forgotten, which keeps ")
    assert found.remedy is not None
    assert found.remedy.startswith("select pg_drop_replication_slot('forgotten');")
    assert only(server, "replication").severity == "ok"


@pytest.fixture(scope="module")
def standby(directory: Path) -> Iterator[psycopg.Connection]:
    """A standby of the server, that keeps rows for its own queries."""
    copy = directory.with_name("standby")
    embedded.stop_postgres(directory)
    subprocess.run(["cp", "-a", directory, copy], check=True)  # keeps the owner
    with (copy / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = 'host={directory} user=postgres'\n")
        settings.write("hot_standby_feedback = on\nwal_receiver_status_interval = '1s'\n")
    (copy / "standby.signal").touch()
    embedded.start_postgres(directory)
    with closing(psycopg.connect(embedded.start_postgres(copy), autocommit=True)) as opened:
        yield opened
    embedded.stop_postgres(copy)


def test_a_standby_is_no_place_to_work(standby: psycopg.Connection) -> None:
    found = only(standby, "standby")
    assert found.severity == "problem"
    assert found.what == "the server is a standby and takes no writes"
    assert bad(findings(standby, "replication")) == []


def test_a_standby_that_keeps_rows_is_found(
    server: psycopg.Connection, standby: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bad(findings(server, "replication")) == []
    monkeypatch.setattr(holders, "OLD_ROWS", -1)
    with standby.transaction():
        standby.execute("select")
        wait_until(lambda: bad(findings(server, "replication")), "the standby gave no feedback")
        found = only(server, "replication")
    assert found.severity == "warning"
    assert found.what.startswith("standby walreceiver (local) keeps dead rows of ")


def test_a_slot_whose_reader_is_behind_is_found(
    server: psycopg.Connection, standby: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.execute("select pg_create_physical_replication_slot('standby')")
    standby.execute("alter system set primary_slot_name = 'standby'")
    standby.execute("select pg_reload_conf()")
    wait_until(
        lambda: server.execute("select 1 from pg_replication_slots where active").fetchone(),
        "nobody read the slot",
    )
    assert bad(findings(server, "replication")) == []
    monkeypatch.setattr(holders, "MUCH_LOG", -1)
    found = only(server, "replication")
    standby.execute("alter system reset primary_slot_name")
    standby.execute("select pg_reload_conf()")
    wait_until(
        lambda: server.execute("select 1 from pg_replication_slots where not active").fetchone(),
        "the slot stayed in use",
    )
    server.execute("select pg_drop_replication_slot('standby')")
    assert found.severity == "warning"
    assert found.what.startswith("who reads replication slot standby is behind: it keeps ")
