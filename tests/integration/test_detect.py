"""`init --detect`: what it makes of known applications, of unknown schemas, and of none."""

from __future__ import annotations

import os
import pty
import tomllib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.errors import ConfigError
from mailvault.source.detect import propose
from mailvault.source.detect.known import APPLICATIONS
from tests.integration.unknown_schemas import QUOTED, SCHEMAS
from tests.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.source.detect.known import Application
    from mailvault.source.detect.proposal import Proposal
    from tests.conftest import Bucket
    from tests.integration.unknown_schemas import Schema

TESTS = Path(__file__).parents[1]


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """To a database with nothing in it."""
    with psycopg.connect(database, autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture
def detecting(database: str, tmp_path: Path) -> Program:
    """mailvault, on that database and in an empty directory."""
    directory = tmp_path / "cwd"
    directory.mkdir()
    return Program(directory, {"DATABASE_URL": database})


def make(connection: psycopg.Connection, example: str) -> None:
    schema = TESTS / "applications" / example / "schema.sql"
    connection.execute(schema.read_text().encode())


def of_name(name: str) -> Application:
    return next(each for each in APPLICATIONS if each.example == name)


def lines_of(proposal: Proposal) -> list[str]:
    return [" ".join(line.split()) for line in proposal.text.splitlines()]


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda each: each.example)
def test_a_known_application_gets_its_own_mapping(
    connection: psycopg.Connection, application: Application
) -> None:
    make(connection, application.example)
    proposal = propose(connection)
    assert proposal.text.endswith("\n\n" + application.mapping())
    assert proposal.findings == (
        f"certain: these are the tables of {application.name}",
        "every table and column of it is there",
    )


def test_another_release_is_told_by_what_it_lacks(connection: psycopg.Connection) -> None:
    make(connection, "freescout")
    connection.execute("alter table threads drop column source_via")
    connection.execute("alter table attachments drop column file_dir")
    proposal = propose(connection)
    assert proposal.findings[0] == (
        "likely: these are the tables of FreeScout, of another release: "
        "no threads.source_via, no attachments.file_dir"
    )
    assert proposal.findings[1].startswith("it does not fit as it is: ")
    assert "has no column 'file_dir'" in proposal.findings[1]
    assert proposal.text.startswith(f"# {proposal.findings[0]}\n\n")


def test_an_application_in_a_schema_of_its_own_needs_the_search_path(
    connection: psycopg.Connection,
) -> None:
    connection.execute("create schema rt; set search_path to rt")
    make(connection, "request_tracker")
    connection.execute("set search_path to public")
    _, where, misfit = propose(connection).findings
    assert "in the schema rt, which must be on the search path" in where
    assert misfit.startswith("it does not fit as it is: ")


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_an_unknown_schema_is_described_line_by_line(
    connection: psycopg.Connection, schema: Schema
) -> None:
    connection.execute(schema.tables.encode())
    connection.execute(schema.rows.encode())
    proposal = propose(connection)
    lines = lines_of(proposal)
    missing = [line for line in schema.lines if not any(each.startswith(line) for each in lines)]
    assert missing == [], proposal.text
    assert proposal.findings[-1] == "every table and column of it is there"
    assert not any("\n" in finding for finding in proposal.findings)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_what_is_proposed_goes_the_whole_road(
    connection: psycopg.Connection,
    detecting: Program,
    bucket: Bucket,
    tmp_path: Path,
    schema: Schema,
) -> None:
    connection.execute(schema.tables.encode())
    connection.execute(schema.rows.encode())
    root = tmp_path / "files"
    for path, content in {"of-another": b"", **schema.files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    detecting.environment |= {**bucket.environment, "MIGRATION_FILES_ROOT": str(root)}
    detecting.run("init", "--detect", "-o", "mailvault.toml")
    detecting.run("init")
    detecting.run("enqueue", "--all")
    detecting.run("work", "--drain")
    assert {bucket.read(key) for key in bucket.listing()} == schema.stored


def test_without_rows_links_go_by_their_names(connection: psycopg.Connection) -> None:
    connection.execute(QUOTED.tables.encode())
    lines = lines_of(propose(connection))
    no_values = "named like one, there are no values to"
    assert f'email = "Item Ref" # a guess: {no_values} check' in lines
    assert f'path = "diskPath" # a guess: {no_values} look at' in lines


def test_a_column_named_like_a_link_whose_values_are_no_keys_is_none(
    connection: psycopg.Connection,
) -> None:
    connection.execute(QUOTED.tables.encode())
    connection.execute(QUOTED.rows.encode())
    connection.execute('update "Post Office"."Mail Files" set "Item Ref" = gen_random_uuid()')
    proposal = propose(connection)
    assert "no table of attachments was found that leads to them" in proposal.findings
    assert "Mail Files" not in proposal.text


def test_a_foreign_key_to_another_table_is_no_link_to_this_one(
    connection: psycopg.Connection,
) -> None:
    connection.execute("""
        create table message (id integer primary key);
        create table message_mail (id integer primary key, message_id integer, subject text,
            sender text, body text);
        create table message_file (id integer primary key, message_id integer references message,
            file_name text, dir_name text, directory text);
        insert into message values (1);
        insert into message_mail values (1, 1, 's', 'a@example.org', 'b');
        insert into message_file values (1, 1, 'f', 'd', 'd');
    """)
    assert "message_file" not in propose(connection).text
    connection.execute("alter table message_file drop constraint message_file_message_id_fkey")
    assert 'path = "{directory}/{file_name}" # a guess' in "\n".join(lines_of(propose(connection)))


def test_a_key_that_nothing_keeps_unique_is_a_guess(
    connection: psycopg.Connection, detecting: Program
) -> None:
    connection.execute("create table mail (id integer, subject text, body text)")
    done = detecting.run("init", "--detect", "--output", "mailvault.toml")
    assert "look at the guesses first: line 6" in done.stdout
    lines = (detecting.directory / "mailvault.toml").read_text().splitlines()
    assert "a guess: nothing keeps it unique" in lines[5]
    assert "no unique index is on mail (id)" in detecting.run("init", code=2).stderr


def test_nothing_that_looks_like_mail_is_an_error_that_names_the_nearest(
    connection: psycopg.Connection, detecting: Program
) -> None:
    connection.execute("create table notes (id integer primary key, body text, made timestamptz)")
    connection.execute("create table users (id integer primary key, name text)")
    done = detecting.run("init", "--detect", code=2)
    assert "none of the 2 tables that this role may read looks like mail" in done.stderr
    assert "the nearest is notes: body" in done.stderr
    assert done.stdout == ""


def test_an_empty_database_is_an_error_too(detecting: Program) -> None:
    assert "none of the 0 tables" in detecting.run("init", "--detect", code=2).stderr


def test_a_mapping_that_is_there_is_never_replaced(
    connection: psycopg.Connection, detecting: Program
) -> None:
    make(connection, "odoo")
    for name in ("mailvault.toml", "other.toml"):
        (detecting.directory / name).write_text("# mine\n")
        done = detecting.run("init", "--detect", "-o", name, code=2)
        assert f"{name} is there already, and is not replaced" in done.stderr
        assert "--output FILE" in done.stderr
        assert (detecting.directory / name).read_text() == "# mine\n"
    assert "must be given with --detect" in detecting.run("init", "-o", "x", code=2).stderr


def test_a_pipe_gets_the_mapping_and_nothing_else(
    connection: psycopg.Connection, detecting: Program
) -> None:
    make(connection, "znuny")
    (detecting.directory / "mailvault.toml").write_text("")
    done = detecting.run("init", "--detect")
    assert tomllib.loads(done.stdout)["email"]
    assert "certain: these are the tables of Znuny" in done.stderr


def test_at_a_terminal_it_goes_to_the_file(
    connection: psycopg.Connection, detecting: Program
) -> None:
    make(connection, "laravel")
    ours, theirs = pty.openpty()
    command = detecting.command("init", "--detect")
    process = os.posix_spawn(
        "/usr/bin/env", ["env", "-C", str(detecting.directory), *command],
        {**os.environ, **detecting.environment},
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 1)],
    )  # fmt: skip
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "wrote mailvault.toml; see what would come of it: mailvault init --explain" in said


def test_it_changes_nothing(connection: psycopg.Connection, detecting: Program) -> None:
    connection.execute(QUOTED.tables.encode())
    everything = "select count(*), max(oid::bigint) from pg_class where oid >= 16384"
    before = connection.execute(everything).fetchone()
    detecting.run("init", "--detect")
    assert connection.execute(everything).fetchone() == before


def test_tables_that_the_role_may_not_read_are_not_looked_at(
    connection: psycopg.Connection,
) -> None:
    connection.execute("create table mail (id integer primary key, subject text, body text)")
    connection.execute("set role pg_monitor")  # any role that was granted nothing
    try:
        with pytest.raises(ConfigError, match="none of the 0 tables"):
            propose(connection)
    finally:
        connection.execute("reset role")


def test_bytes_that_are_no_text_leave_the_names(postgres: str) -> None:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0 encoding 'SQL_ASCII' locale 'C'")
        try:
            dsn = psycopg.conninfo.make_conninfo(postgres, dbname=name, client_encoding="utf8")
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(
                    "create table mail (id int primary key, subject text, body text)"
                )
                connection.execute(r"insert into mail values (1, e'Gr\\374\\337e', 'b')")
                assert 'content = "body" # likely: text' in lines_of(propose(connection))[-1]
        finally:
            admin.execute(f"drop database {name} with (force)")


@pytest.mark.direct
def test_a_large_table_is_not_read_through(connection: psycopg.Connection) -> None:
    connection.execute("""
        create table mail (
            id bigint primary key, subject text, sender text, body text, note text
        );
        insert into mail
        select n, 's', case when n > 150 then 'a@b.example' else 'nobody' end, repeat('word ', 70)
        from generate_series(1, 30000) as n;
        create table attachments (
            id bigint primary key, message_id bigint, msg_id bigint, path text, filename text
        ) with (autovacuum_enabled = false);
        insert into attachments (id, msg_id, path, filename)
        select n, n, 'some/where/' || repeat('deep/', 20) || n, 'f'
        from generate_series(1, 30000) as n;
    """)
    connection.execute("vacuum analyze mail")  # and nothing is known of the other's size

    def pages_read() -> int:
        connection.execute("select pg_stat_force_next_flush()")
        (row,) = connection.execute(
            "select sum(heap_blks_read + heap_blks_hit)::bigint from pg_statio_user_tables"
        )
        return int(row[0])

    (row,) = connection.execute("select sum(relpages) from pg_class where relname = 'mail'")
    assert row[0] > 1_500
    before = pages_read()
    text = propose(connection).text
    assert pages_read() - before < 500
    assert 'email = "msg_id"' in text
    assert "100 of 100 sampled sender are addresses" in text  # the first 150 are not


@pytest.mark.parametrize(
    "more",
    [
        """create table attachments (id bigint primary key, mail_id bigint references mail,
               filename text, content_type text, path text);
           create schema a; create table a.attachments (like attachments including all);
           create schema b; create table b.attachments (like attachments including all);
           alter table a.attachments add foreign key (mail_id) references mail;
           alter table b.attachments add foreign key (mail_id) references mail;""",
        """create table files (id bigint primary key, mail_id bigint references mail,
               filename text, content_type text, path text);
           create table attachment (like files including all);
           alter table files add size bigint;
           alter table attachment add foreign key (mail_id) references mail;""",
        'alter table mail add "bodyHtml" text, add body_html text',
    ],
)
def test_no_two_parts_are_of_the_same_kind(connection: psycopg.Connection, more: str) -> None:
    connection.execute(
        "create table mail (id bigint primary key, subject text, sender text, body text)"
    )
    connection.execute(more.encode())
    proposal = propose(connection)
    kinds = [part["kind"] for part in tomllib.loads(proposal.text)["part"]]
    assert len(kinds) == len(set(kinds)) > 1
    assert proposal.findings[-1] == "every table and column of it is there"


@pytest.mark.parametrize("kind", ["date", "bigint unique"])
def test_a_key_that_init_would_refuse_is_not_certain(
    connection: psycopg.Connection, kind: str
) -> None:
    connection.execute(f"create table mail (id {kind}, subject text, sender text, body text)")
    if kind == "date":
        connection.execute("alter table mail add primary key (id)")
    [line, *_] = [line for line in lines_of(propose(connection)) if line.startswith("key = ")]
    assert line.startswith('key = "id" # a guess: ')


def test_what_no_mapping_can_say_is_told(connection: psycopg.Connection) -> None:
    columns = ", ".join(f"k{number}" for number in range(9))
    connection.execute(
        f"create table mail ({columns.replace(',', ' int,')} int, subject text, sender text, "
        f"body text, primary key ({columns}))".encode()
    )
    *_, last = propose(connection).findings
    assert last.startswith("it is not of the form of a mapping: email.key: ")
