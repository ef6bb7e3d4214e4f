"""The doctor: what is provoked is found, with its remedy, and a healthy database is left alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.observe.doctor import examine_database, holders, server
from mailvault.source.mapping.load import load_mapping
from tests.patient import bad, findings, only
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mailvault.observe.doctor import Finding
    from tests.application import Application
    from tests.program import Program


@pytest.mark.direct
def test_a_healthy_database_has_no_finding(application: Application) -> None:
    found = examine_database(application.connection, load_mapping())
    # Who else uses the server is not ours to say.
    assert bad([finding for finding in found if finding.check != "connections"]) == []
    assert all(finding.remedy is None for finding in found if finding.severity == "ok")
    assert len({finding.check for finding in found}) >= 19


def test_the_doctor_only_reads(application: Application) -> None:
    with application.connection.transaction():
        examine_database(application.connection, load_mapping())
        # Whoever writes is given a number.
        assert application.one("select txid_current_if_assigned()") is None


def test_the_doctor_waits_for_no_lock(application: Application) -> None:
    with psycopg.connect(application.dsn) as other:
        other.execute("lock table emails, files, mailvault.outbox in access exclusive mode")
        assert bad(findings(application.connection, "indexes")) == []
        assert bad(findings(application.connection, "dead_rows")) == []


@pytest.mark.direct
@pytest.mark.parametrize("oldest", [timedelta(0), timedelta(hours=1)])
def test_an_old_transaction_is_found(
    application: Application, monkeypatch: pytest.MonkeyPatch, oldest: timedelta
) -> None:
    monkeypatch.setattr(holders, "OLD_TRANSACTION", timedelta(0))
    monkeypatch.setattr(holders, "VERY_OLD_TRANSACTION", oldest)
    with psycopg.connect(application.dsn, application_name="forgotten") as other:
        other.execute("select txid_current()")
        found = only(application.connection, "transactions")
        assert found.severity == ("warning" if oldest else "problem")
        assert "forgotten) is idle in transaction" in found.what
        assert "keeps vacuum from removing dead rows" in found.what
        assert found.remedy is not None
        assert f"pg_terminate_backend({other.info.backend_pid})" in found.remedy


def test_an_idle_transaction_that_only_read_keeps_locks(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "OLD_TRANSACTION", timedelta(0))
    monkeypatch.setattr(holders, "VERY_OLD_TRANSACTION", timedelta(0))
    with psycopg.connect(application.dsn) as other:
        other.execute("select from emails")
        found = only(application.connection, "transactions")
        assert (found.severity, "keeps its locks" in found.what) == ("warning", True)


def test_dead_rows_that_no_vacuum_took_away_are_found(application: Application) -> None:
    application.connection.execute("alter table emails set (autovacuum_enabled = off)")
    application.add_emails(11_000)
    application.connection.execute("delete from emails")

    def dead() -> list[Finding]:
        return bad(findings(application.connection, "dead_rows"))

    wait_until(dead, "the deletes were not reported")
    [found] = dead()
    assert found.what.startswith("emails has 11,000 dead rows, and no vacuum that is known of")
    assert found.remedy is not None
    assert found.remedy.startswith("vacuum (verbose) emails;")
    application.connection.execute("vacuum emails")
    wait_until(lambda: not dead(), "the vacuum was not reported")


@pytest.mark.parametrize(
    ("table", "severity"), [("mailvault.outbox", "problem"), ("files", "warning")]
)
def test_autovacuum_off_for_a_table_is_found(
    application: Application, table: str, severity: str
) -> None:
    application.connection.execute(f"alter table {table} set (autovacuum_enabled = off)")
    found = only(application.connection, "autovacuum")
    assert (found.severity, found.what) == (severity, f"autovacuum is off for {table}")
    assert found.remedy == f"alter table {table} reset (autovacuum_enabled);"
    application.connection.execute(found.remedy)
    assert only(application.connection, "autovacuum").severity == "ok"


def test_large_tables_want_more_of_autovacuum(application: Application) -> None:
    pages = 11 * 1024**3 // 8192
    with application.connection.transaction(force_rollback=True):
        application.connection.execute(
            "update pg_class set relpages = %s where relname in ('emails', 'files', 'job')",
            [pages],
        )
        workers, pace = findings(application.connection, "autovacuum")
    assert workers.severity == "warning"
    assert "3 tables are larger than 10.7 GB, and autovacuum has 3 workers" in workers.what
    assert pace.severity == "notice"
    assert "cleans at most 41.0 MB a second" in pace.what


@pytest.mark.parametrize(
    ("age", "severity"), [(1_300_000_000, "problem"), (600_000_000, "warning")]
)
def test_a_table_near_wraparound_is_found(
    application: Application, age: int, severity: str
) -> None:
    with application.connection.transaction(force_rollback=True):
        application.connection.execute(
            "update pg_class set relfrozenxid = ((txid_current() - %s + 2^32)::bigint "
            "%% (2^32)::bigint)::text::xid where oid = 'emails'::regclass",
            [age],
        )
        found = only(application.connection, "wraparound")
    assert found.severity == severity
    assert found.what.startswith(f"the oldest row of emails is {age:,} transactions old")
    assert found.remedy == "vacuum (freeze, verbose) emails;"


@pytest.mark.parametrize(("shift", "said"), [("2 minutes", "ahead"), ("-2 minutes", "behind")])
def test_another_clock_is_found(application: Application, shift: str, said: str) -> None:
    application.connection.execute(
        "create schema odd; create function odd.clock_timestamp() returns timestamptz "
        f"language sql as $$ select pg_catalog.clock_timestamp() + interval '{shift}' $$; "
        "set search_path = odd, public, pg_catalog"
    )
    found = only(application.connection, "clock")
    assert found.severity == "warning"
    assert found.what.startswith("the database's clock is 2m 00s " + said)


def test_a_newer_server_is_told(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "NEWEST", 10)
    monkeypatch.setattr(server, "OLDEST", 9)
    assert only(application.connection, "version").severity == "notice"
    monkeypatch.setattr(server, "OLDEST", 99)
    assert only(application.connection, "version").severity == "problem"


@pytest.mark.parametrize(
    ("change", "complaint", "severity"),
    [
        ("delete from mailvault.schema_version where version > 6", "older than", "problem"),
        ("insert into mailvault.schema_version values (999, 'x')", "newer than", "problem"),
        ("drop schema mailvault cascade", "was not initialised", "problem"),
        ("drop view mailvault.source_part", "mapping of the source was not set up", "problem"),
    ],
)
def test_another_schema_is_found(
    application: Application, change: str, complaint: str, severity: str
) -> None:
    application.connection.execute(change)
    found = only(application.connection, "schema")
    assert (found.severity, complaint in found.what) == (severity, True)


def test_a_mapping_that_does_not_fit_is_found(application: Application) -> None:
    application.connection.execute("alter table files rename column local_path to file_path")
    found = only(application.connection, "mapping")
    assert (found.severity, found.remedy) == ("problem", "did you mean 'file_path'?")
    assert findings(application.connection, "indexes") == []


def test_a_pooler_in_between_is_told(application: Application, way: str, postgres: str) -> None:
    found = only(application.connection, "pooler")
    assert found.severity == ("ok" if way == postgres else "notice")


@pytest.mark.direct
def test_the_command_tells_all(program: Program) -> None:
    healthy = program.run("doctor")
    assert "\nok       keys          unique, and found by an index: " in healthy.stdout
    with psycopg.connect(program.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("drop index files_of_email")
    text = program.run("doctor", code=1).stdout
    assert "problem  indexes       no index starts with files (email_id): " in text
    assert "\n                       → create index concurrently on files (email_id);\n" in text
    assert text.endswith("1 problem\n")
    *lines, summary = map(json.loads, program.run("doctor", "--json", code=1).stdout.splitlines())
    assert {tuple(line) for line in lines} == {("event", "check", "severity", "what", "remedy")}
    assert {line["event"] for line in lines} == {"finding"}
    assert summary.pop("event") == "summary"
    counts = dict.fromkeys(summary, 0)
    for line in lines:
        counts[line["severity"]] += 1
    assert (summary, counts["problem"]) == (counts, 1)


def test_the_command_says_what_keeps_it_from_looking(program: Program) -> None:
    gone = program.run("doctor", code=3, DATABASE_URL="postgresql://127.0.0.1:9/none")
    assert "PostgreSQL cannot be reached" in gone.stderr
    (program.directory / "mailvault.toml").write_text("[email]\n")
    assert "email.table" in program.run("doctor", code=2).stderr
