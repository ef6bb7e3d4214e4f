"""What is wrong is said in a line, with an exit code, and not one attempt is counted for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from tests.conftest import UPLOADERS
from tests.program import Program
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.application import Application
    from tests.conftest import Bucket


NOBODY = "1"


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The lines on stderr: what and where, then what to do."""
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert 1 <= len(lines) <= 2, done.stderr
    assert lines[0].startswith("mailvault: ")
    return "\n".join(lines)


def assert_untouched(application: Application) -> None:
    assert application.all("select attempts from mailvault.outbox") == [(0,)] * 3
    assert application.one("select count(*) from mailvault.failure") == 0
    application.reconcile()


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("postgresql://nobody:s3cret@127.0.0.1:1/none", 3, "cannot be reached"),
        ("not a url=", 2, "DATABASE_URL is not a PostgreSQL connection string"),
        ("", 3, "cannot be reached"),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["enqueue", "--all"], ["init"], ["work"]])
def test_a_wrong_database(
    program: Program, command: list[str], url: str, code: int, words: str
) -> None:
    said = complaint(
        program.run(*command, code=code, DATABASE_URL=url, PGHOST="/nowhere", PGUSER="nobody")
    )
    assert words in said
    assert "s3cret" not in said


def test_a_wrong_setting_is_named(program: Program) -> None:
    assert "MIGRATION_WORKERS" in complaint(
        program.run("status", code=2, MIGRATION_WORKERS="many")
    )


def test_a_wrong_bandwidth_is_named(program: Program) -> None:
    said = complaint(program.run("status", code=2, MIGRATION_BWLIMIT="08:00,2M 25:00,off"))
    assert "MIGRATION_BWLIMIT" in said
    assert "'25:00' is not a time" in said
    assert "'fast' is not a rate" in program.run("work", "--bwlimit", "fast", code=2).stderr


def test_a_wrong_compression_is_named(program: Program) -> None:
    said = complaint(program.run("work", code=2, MIGRATION_COMPRESS="brotli"))
    assert "MIGRATION_COMPRESS" in said
    assert "'zstd'" in said
    assert "brotli" in program.run("work", "--compress", "brotli", code=2).stderr


@pytest.mark.parametrize("uploader", UPLOADERS)
@pytest.mark.parametrize(
    ("setting", "value", "code", "words"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", 3, ["AWS_SECRET_ACCESS_KEY"]),
        ("AWS_ACCESS_KEY_ID", "nobody", 3, ["AWS_SECRET_ACCESS_KEY"]),
        ("S3_BUCKET", "no-such-bucket", 3, ["no-such-bucket", "does not exist"]),
        ("S3_ENDPOINT", "http://127.0.0.1:1", 3, ["127.0.0.1:1"]),
        ("S3_ENDPOINT", "not a url", 2, ["S3_ENDPOINT"]),
        ("S3_BUCKET", "", 2, ["S3_BUCKET"]),
    ],
)
def test_a_wrong_store(
    application: Application,
    program: Program,
    uploader: str,
    setting: str,
    value: str,
    code: int,
    words: list[str],
) -> None:
    application.add_emails(3)
    program.run("enqueue", "--all")
    done = program.run("work", "--drain", "--uploader", uploader, code=code, **{setting: value})
    said = complaint(done)
    for word in words:
        assert word in said
    assert_untouched(application)


def test_a_database_that_was_not_initialised(program: Program, postgres: str, way: str) -> None:
    name = f"empty_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        url = psycopg.conninfo.make_conninfo(way, dbname=name)
        said = complaint(program.run("work", code=2, DATABASE_URL=url))
        assert "mailvault init" in said
        said = complaint(program.run("init", code=2, DATABASE_URL=url))
        assert "init --example" in said
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_a_database_of_a_newer_program(application: Application, program: Program) -> None:
    application.connection.execute("insert into mailvault.schema_version values (9999, 'later')")
    for command in (["status"], ["work"], ["enqueue", "--all"], ["init"]):
        assert "newer than this program" in complaint(program.run(*command, code=2))


@pytest.mark.parametrize(
    "arguments",
    [
        ["enqueue"],
        ["enqueue", "--all", "--resume", "1"],
        ["enqueue", "--all", "--id", "1"],
        ["enqueue", "--since", "2025-01-01", "--until", "2024-01-01"],
        ["enqueue", "--limit", "0"],
        ["enqueue", "--since", "yesterday"],
        ["work", "-j", "0"],
        ["work", "--uploader", "ftp"],
        ["retry"],
        ["retry", "1", "--all"],
        ["retry", "one"],
        ["no-such-command"],
    ],
)
def test_wrong_usage(program: Program, arguments: list[str]) -> None:
    assert "Usage: mailvault" in program.run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["enqueue", "--resume", "7"],
        ["enqueue", "--id", "7"],
        ["enqueue", "--id", "seven"],
        ["status", "--batch", "7"],
    ],
)
def test_what_is_not_there(program: Program, arguments: list[str]) -> None:
    assert "7" in complaint(program.run(*arguments, code=2)).replace("seven", "7")


@pytest.fixture
def odd_files(application: Application, tmp_path: Path) -> Iterator[dict[int, str]]:
    """Emails with an attachment that cannot be had, and the reason for each."""
    root = application.files_root
    (tmp_path / "secret.txt").write_text("not yours")
    (root / "link").symlink_to(tmp_path / "secret.txt")
    (root / "folder").mkdir()
    os.mkfifo(root / "fifo")
    cases: list[tuple[str | None, str]] = [
        ("gone.txt", "file_missing"),
        (None, "file_missing"),
        ("../secret.txt", "file_refused"),
        (str(tmp_path / "secret.txt"), "file_refused"),
        ("link", "file_refused"),
        ("folder", "file_refused"),
        ("fifo", "file_refused"),
        ("x" * 300, "file_refused"),
    ]
    reasons = {}
    for path, reason in cases:
        email = application.add_email()
        application.add_file(email, None, path)
        reasons[email] = reason
    yield reasons
    (root / "link").unlink()


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_a_bad_email_is_a_dead_letter_and_the_others_go_on(
    application: Application,
    bucket: Bucket,
    program: Program,
    odd_files: dict[int, str],
    uploader: str,
) -> None:
    application.add_emails(20)
    program.run("enqueue", "--all")
    program.run("work", "--drain", "--uploader", uploader, code=1)
    found = application.all("select email::int, reason, message from mailvault.failures")
    assert {email: reason for email, reason, _ in found} == odd_files
    for _, _, message in found:
        assert message.startswith("attachment ")
        assert "\n" not in message
    assert application.one("select count(*) from emails where is_migrated") == 20
    assert not any(bucket.read(key) == b"not yours" for key in bucket.listing())
    application.reconcile()


def test_a_column_that_goes_while_a_worker_runs(
    application: Application, bucket: Bucket, program: Program
) -> None:
    application.add_emails(3)
    program.run("enqueue", "--all")
    worker = program.start("work")
    stored = "select count(*) from emails where is_migrated"
    wait_until(lambda: application.one(stored) == 3, "three emails are stored")
    application.connection.execute("alter table emails drop column body cascade")
    application.connection.execute("insert into emails default values")
    application.connection.execute("select mailvault.enqueue(4)")
    said, _ = worker.communicate(timeout=60)
    assert worker.returncode == 1
    complaint = "".join(line for line in said.splitlines() if " INFO " not in line)
    assert complaint.startswith("mailvault: PostgreSQL refuses")
    assert "source_part" in complaint
    assert "mailvault doctor" in complaint

    application.connection.execute("alter table emails add column body text default 'again'")
    program.run("init", "--example")
    program.run("work", "--drain")
    assert application.one(stored) == 4
    assert application.one("select count(*) from mailvault.failure") == 0
    application.reconcile()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_the_right_to_read(application: Application, program: Program) -> None:
    application.add_file(application.add_email(), b"x", "closed.txt")
    (application.files_root / "closed.txt").chmod(0)
    program.run("enqueue", "--all")
    program.run("work", "--drain", code=1)
    assert application.one("select reason from mailvault.failures") == "file_unreadable"


def test_a_root_that_is_not_there_is_no_fault_of_the_emails(
    application: Application, program: Program
) -> None:
    application.add_emails(3)
    application.add_file(1, None, "a.txt")
    program.run("enqueue", "--all")
    done = program.run("work", "--drain", code=2, MIGRATION_FILES_ROOT="/no/such/root")
    assert "/no/such/root" in complaint(done)
    assert_untouched(application)


def test_a_row_that_the_application_refuses_to_mark(
    application: Application, program: Program
) -> None:
    application.add_emails(20)
    application.connection.execute(
        "alter table emails add check (id <> 7 or body_s3_path is null)"
    )
    program.run("enqueue", "--all")
    program.run("work", "--drain", code=1, MIGRATION_RETRY_DELAY="0")
    assert application.all("select email, reason, attempts from mailvault.failures") == [
        ("7", "write_back", 3)
    ]
    assert application.one("select count(*) from emails where is_migrated") == 19
    application.reconcile()


def test_a_body_of_invalid_text_is_stored_as_it_is(
    program: Program, bucket: Bucket, postgres: str, way: str
) -> None:
    """A database in SQL_ASCII holds whatever bytes the application wrote."""
    name = f"ascii_{os.getpid()}"
    body = b"<p>\xe9t\xe9 \xff\xfe</p>"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(
            sql.SQL(
                "create database {} template template0 encoding 'SQL_ASCII' locale 'C'"
            ).format(sql.Identifier(name))
        )
    url = psycopg.conninfo.make_conninfo(way, dbname=name)
    program.run("init", "--example", DATABASE_URL=url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into emails (body) values (%s::bytea::text)", [b""])
        connection.execute(b"insert into emails (body) values ('" + body + b"')")
        (Path(program.environment["MIGRATION_FILES_ROOT"]) / "a.txt").write_bytes(b"")
        # A name that is no text is the fault of its email alone.
        connection.execute("insert into emails (body) values ('<p>with a file</p>')")
        connection.execute(b"insert into files (email_id, filename) values (3, 'caf\xe9.txt')")
    program.run("enqueue", "--all", DATABASE_URL=url)
    program.run("work", "--drain", code=1, DATABASE_URL=url)
    assert body in [bucket.read(key) for key in bucket.listing()]
    with psycopg.connect(url, client_encoding="utf8") as connection:
        dead = connection.execute("select email, reason from mailvault.failures").fetchall()
    assert dead == [("3", "body_unreadable")]
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", "MIGRATION_WORKERS=many"),
        ("mailvault.toml", "migration_workers = 'many'"),
        ("mailvault.toml", "this is no TOML"),
    ],
)
def test_help_is_given_whatever_the_settings_are(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    program = Program(tmp_path, {"MIGRATION_MAX_ATTEMPTS": "none"})
    assert "Examples:" in program.run("work", "--help").stdout
    assert "Usage:" in program.run("-h").stdout
    program.run("work", code=2)
