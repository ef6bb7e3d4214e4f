"""The log of `work`: what failed and why, for people and for machines, and never a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.application import Application
    from tests.program import Program


def test_a_machine_reads_what_failed(application: Application, program: Program) -> None:
    application.add_emails(4)
    secret = program.environment["AWS_SECRET_ACCESS_KEY"]
    application.add_file(2, None, f"{secret}/late.txt")
    program.run("enqueue", "--all")
    arguments = ("work", "--drain", "--processes", "2", "--log-format", "json")
    said = program.run(*arguments, code=1).stderr
    lines = [json.loads(line) for line in said.splitlines()]
    [failed] = [line for line in lines if "job" in line]
    workers = dict(application.all("select id, pid from mailvault.worker"))
    assert workers[failed["worker"]] == failed["pid"]
    assert (failed["level"], failed["email"], failed["batch"]) == ("warning", "2", 1)
    assert failed["reason"] == "file_missing"
    start = "job 2: email 2: attempt 1 of 3 failed for good: file_missing: attachment 1: "
    assert failed["message"].startswith(start)
    assert {line["worker"] for line in lines if "worker" in line} == workers.keys()
    assert any("4 of 4 emails" in line["message"] for line in lines)
    assert secret not in said
    assert "***/late.txt" in failed["message"]


def test_a_person_reads_what_failed(application: Application, program: Program) -> None:
    application.add_email("")
    application.add_file(1, None, "late.txt")
    program.run("enqueue", "--all")
    said = program.run("work", "--drain", code=1, MIGRATION_LOG_FORMAT="text").stderr
    [line] = [line for line in said.splitlines() if "late.txt" in line]
    assert " WARNING job 1: email 1: attempt 1 of 3 failed for good: file_missing: " in line


def test_an_error_never_shows_a_password(application: Application, program: Program) -> None:
    dsn = psycopg.conninfo.make_conninfo(application.dsn, dbname="secret-7", password="secret-7")
    said = program.run("status", code=3, DATABASE_URL=dsn).stderr
    assert "***" in said
    assert "secret-7" not in said
