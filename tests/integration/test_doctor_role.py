"""The doctor on the role that it is run as: its settings, its rights, and the source's tables."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from mailvault.observe.doctor import examine_database, server
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import install_source
from tests.patient import Role, bad, findings, new_role, only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application

pytestmark = pytest.mark.direct  # a pooler knows no roles but its own

ALL_RIGHTS = """
grant usage on schema mailvault to {role};
grant select, insert, update, delete on all tables in schema mailvault to {role};
grant select, update on emails, files to {role};
"""


@pytest.fixture
def role(application: Application) -> Iterator[Role]:
    with new_role(application) as role:
        yield role


def obey(application: Application, remedy: str | None) -> None:
    """Do what a finding says."""
    assert remedy is not None
    application.connection.execute(remedy)


@pytest.mark.parametrize(
    ("check", "setting", "severity"),
    [
        ("timeouts", "statement_timeout = '2s'", "problem"),
        ("timeouts", "statement_timeout = '30s'", "warning"),
        ("timeouts", "lock_timeout = '100ms'", "warning"),
        ("timeouts", "idle_in_transaction_session_timeout = '1s'", "warning"),
        ("isolation", "default_transaction_isolation = 'repeatable read'", "warning"),
        ("durability", "synchronous_commit = off", "warning"),
        ("standby", "default_transaction_read_only = on", "problem"),
    ],
)
def test_a_setting_of_the_role_is_found(
    application: Application, role: Role, check: str, setting: str, severity: str
) -> None:
    role.run(ALL_RIGHTS)
    role.run(f"alter role {{role}} set {setting}")
    with closing(role.connect()) as connection:
        found = only(connection, check)
        assert found.severity == severity
    obey(application, found.remedy)
    with closing(role.connect()) as connection:
        assert only(connection, check).severity == "ok"


def test_transaction_timeout_counts_where_there_is_one(
    application: Application, role: Role
) -> None:
    if application.connection.info.server_version < 170000:
        pytest.skip("PostgreSQL 17 and newer have it")
    role.run(ALL_RIGHTS)
    role.run("alter role {role} set transaction_timeout = '4s'")
    with closing(role.connect()) as connection:
        found = only(connection, "timeouts")
    assert (found.severity, found.what) == (
        "problem", "transaction_timeout is 4 s: acks may never get through",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "severity"), [(4, "problem"), (8, "warning"), (server.PER_PROCESS * 4 + 1, "ok")]
)
def test_too_few_connections_are_found(
    application: Application, role: Role, limit: int, severity: str
) -> None:
    role.run(ALL_RIGHTS)
    role.run(f"alter role {{role}} connection limit {limit}")
    with closing(role.connect()) as connection:
        found = only(connection, "connections")
    assert found.severity == severity
    said = f"1 of {limit} connections are taken (connection limit of role {role})"
    assert found.what.startswith(said)


def test_a_role_without_rights_is_told_which(application: Application, role: Role) -> None:
    with closing(role.connect()) as connection:
        found = only(connection, "grants")
        assert found.severity == "problem"
        assert "delete, insert, select, update on mailvault." in found.what
        obey(application, found.remedy)
        assert only(connection, "grants").severity == "ok"
        lacking = findings(connection, "rights")
        assert {finding.what for finding in lacking} >= {
            f"role {role} may not select emails (id)",
            f"role {role} may not update emails (is_migrated)",
            f"role {role} may not update files (s3_path)",
        }
        for finding in lacking:
            obey(application, finding.remedy)
        assert only(connection, "rights").severity == "ok"


def test_the_rights_that_the_doctor_asks_for_are_enough_to_mark_mail(
    application: Application, role: Role
) -> None:
    email = str(application.add_email())
    with closing(role.connect()) as connection:
        for check in ("grants", "rights"):
            for finding in findings(connection, check):
                obey(application, finding.remedy)
        mark = "select mailvault.source_mark_emails(%s, true, '{1}', '{}')"
        connection.execute(mark, [[email]])
        connection.execute("select mailvault.source_mark_parts('{body}', %s, '{key}')", [[email]])
        connection.execute("select mailvault.claim(1, 1, '1s')")
    assert application.one("select body_s3_path from emails where is_migrated") == "key"


def test_a_function_that_may_not_be_called_is_found(application: Application, role: Role) -> None:
    role.run(ALL_RIGHTS)
    role.run("revoke execute on function mailvault.claim from public")
    with closing(role.connect()) as connection:
        assert "execute on mailvault.claim" in only(connection, "grants").what


def test_views_whose_owner_may_not_read_are_found(application: Application, role: Role) -> None:
    for view in ("source_email", "source_part"):
        role.run(f"alter view mailvault.{view} owner to {{role}}")
    role.run("grant select (id, received_at, is_migrated) on emails to {role}")
    role.run("grant select on files to {role}")
    found = only(application.connection, "rights")
    assert found.severity == "problem"
    said = f"role {role}, which owns mailvault's views, may not select emails (body)"
    assert found.what == said
    obey(application, found.remedy)
    assert only(application.connection, "rights").severity == "ok"


def test_a_schema_that_may_not_be_entered_is_found(application: Application, role: Role) -> None:
    application.connection.execute(
        "create schema helpdesk; create table helpdesk.mail (id int primary key, body text)"
    )
    table = {"table": "helpdesk.mail", "key": "id"}
    part = {**table, "kind": "body", "email": "id", "content": "body"}
    mapping = Mapping.model_validate({"email": table, "part": [part]})
    install_source(application.connection, mapping)
    with closing(role.connect()) as connection:
        found = only(connection, "mapping", mapping)
        assert found.severity == "problem"
        assert "permission denied for schema helpdesk" in found.what


def test_row_security_that_hides_mail_is_found(application: Application, role: Role) -> None:
    role.run(ALL_RIGHTS)
    application.connection.execute("alter table emails enable row level security")
    with closing(role.connect()) as connection:
        found = only(connection, "row_security")
        assert found.severity == "warning"
        assert f"of emails applies to role {role}: " in found.what
        assert found.remedy == f"alter role {role} bypassrls;"
        obey(application, found.remedy)
        assert only(connection, "row_security").severity == "ok"
    assert only(application.connection, "row_security").severity == "ok"
    role.run("alter role {role} nobypassrls")
    role.run("alter view mailvault.source_part owner to {role}")
    assert str(role) in only(application.connection, "row_security").what


def test_a_role_that_does_not_see_others_is_told(application: Application, role: Role) -> None:
    role.run(ALL_RIGHTS)
    with closing(role.connect()) as connection:
        found = only(connection, "transactions")
        assert (found.severity, found.remedy) == ("notice", f"grant pg_monitor to {role};")
        obey(application, found.remedy)
        assert only(connection, "transactions").severity == "ok"


def test_a_role_with_few_rights_hears_everything_else(
    application: Application, role: Role
) -> None:
    with closing(role.connect()) as connection:
        found = examine_database(connection, load_mapping())
    assert {finding.check for finding in bad(found)} == {
        "schema", "grants", "rights", "transactions",
    }  # fmt: skip
    [schema] = [finding for finding in found if finding.check == "schema"]
    assert schema.what == "could not be looked at: permission denied for schema mailvault"


@pytest.mark.parametrize("filled", [False, True])
def test_a_missing_index_is_found(application: Application, filled: bool) -> None:
    application.connection.execute("drop index files_of_email")
    if filled:
        application.connection.execute(
            "insert into emails (id) values (1); "
            "insert into files (email_id) select 1 from generate_series(1, 10000)"
        )
    application.connection.execute("analyze files")
    found = only(application.connection, "indexes")
    assert found.severity == ("problem" if filled else "notice")
    assert found.what.startswith("no index starts with files (email_id): ")
    obey(application, found.remedy)
    assert only(application.connection, "indexes").severity == "ok"


@pytest.mark.parametrize(
    "index",
    [
        "create index on files (email_id) where s3_path is null",
        "create index on files (id, email_id)",
        "create index on files ((email_id + 0))",
        "create index on files using brin (email_id)",  # codespell:ignore brin
    ],
)
def test_an_index_that_does_not_serve_is_no_index(application: Application, index: str) -> None:
    application.connection.execute("drop index files_of_email")
    application.connection.execute(index)
    assert only(application.connection, "indexes").severity == "problem"
    application.connection.execute("create index on files (email_id, id)")
    assert only(application.connection, "indexes").severity == "ok"


def test_a_key_that_nothing_keeps_unique_is_found(application: Application) -> None:
    application.connection.execute(
        "alter table files drop constraint files_pkey; "
        "create unique index on files (id) where s3_path is null; "
        "create unique index on files (id, email_id); create index on files (id)"
    )
    found = only(application.connection, "keys")
    assert found.severity == "problem"
    assert found.what.startswith("no unique index is on files (id): ")
    obey(application, found.remedy)
    assert only(application.connection, "keys").severity == "ok"


def test_a_view_of_the_application_cannot_be_looked_into(application: Application) -> None:
    application.connection.execute("create view mail as table emails")
    table = {"table": "mail", "key": "id"}
    part = {**table, "kind": "body", "email": "id", "content": "body"}
    mapping = Mapping.model_validate({"email": table, "part": [part]})
    found = only(application.connection, "keys", mapping)
    assert found.severity == "notice"
    assert found.what.startswith("mail is no table")
