"""Workers need no more than what `init --print-grants` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

from tests.patient import new_role

if TYPE_CHECKING:
    from tests.application import Application
    from tests.program import Program


def grants(program: Program, role: object) -> list[str]:
    return program.run("init", "--print-grants", str(role)).stdout.splitlines()


@pytest.mark.direct
def test_a_role_with_the_least_rights_goes_the_whole_road(
    application: Application, program: Program
) -> None:
    """Row-level security is on, and hides all rows from whoever has no policy."""
    run = application.connection.execute
    run("alter table emails enable row level security")
    run("alter table files enable row level security")
    application.add_emails(20)
    application.add_file(1, b"x", "x")
    application.add_file(2, None, "gone")
    with new_role(application) as role:
        program.environment["DATABASE_URL"] = make_conninfo(application.dsn, user=role.name)
        assert "permission denied for schema mailvault" in program.run("work", code=1).stderr

        program.environment["DATABASE_URL"] = application.dsn
        statements = grants(program, role)
        for statement in statements:
            run(statement)
        program.environment["DATABASE_URL"] = make_conninfo(application.dsn, user=role.name)
        program.run("enqueue", "--all")
        program.run("work", "--drain", code=1)
        program.run("status")
        application.add_file(3, b"y", "gone")
        program.run("retry", "--all", "--reset")
        program.run("work", "--drain")
        program.run("doctor")
        assert application.one("select bool_and(is_migrated) from emails")
        assert application.one("select count(*) from emails where body_s3_path is null") == 0
        for forbidden in ("select body from emails", "update emails set body = ''"):
            with role.connect() as connection, pytest.raises(Exception, match="permission denied"):
                connection.execute(forbidden)

    # Each of them is needed, but for what only operators' commands and failures come to.
    assert (
        "grant select (id), update (body_s3_path, is_migrated, migration_attempts, "
        f"migration_error) on table public.emails to {role};" in statements
    )
    assert f"create policy mailvault on public.files to {role} using (true);" in statements


def test_grants_and_explanations_change_nothing(
    application: Application, program: Program
) -> None:
    application.connection.execute("drop schema mailvault cascade; drop table files, emails")
    said = program.run("init", "--example", "--print-grants", 'odd "role"').stdout
    assert 'grant usage on schema mailvault to "odd ""role""";' in said
    said = program.run("init", "--example", "--explain").stdout
    assert "create view mailvault.source_part as\nselect" in said
    assert said.endswith("nothing was changed; make it so with: mailvault init\n")
    assert application.one("select count(*) from pg_class where relname = 'emails'") == 0
    assert application.one("select to_regnamespace('mailvault')") is None


def test_an_explanation_shows_some_mail(application: Application, program: Program) -> None:
    application.add_email("<p>" + "x" * 100)
    application.add_file(1, b"x", "a/" + "long" * 20, filename="%s \u202e.pdf")
    said = program.run("init", "--explain").stdout
    emails, parts = said.split("email  ")[-2:]
    assert "True" in emails
    assert "in the table" in parts
    assert "a/longlonglonglong" in parts
