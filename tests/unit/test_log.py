"""Lines of the log: in JSON, cut, and without secrets."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from mailvault.cli.log import LIMIT, log_to
from mailvault.cli.secrets import HIDDEN, redact, secrets_of
from mailvault.worker.identity import Identity
from mailvault.worker.job import MESSAGE_LIMIT, storable
from tests.settings import settings_of

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjE",
    "S3_SSE_CUSTOMER_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
DSNS = [
    ("postgresql://mail:gr%C3%BCn%40home@db/mail", ["grün@home", "gr%C3%BCn%40home"]),
    ("postgresql://db/mail?user=mail&password=p%2Fq", ["p/q", "p%2Fq"]),
    ("host=db user=mail password='two words'", ["two words"]),
    ("postgresql://mail:p%zz@db/mail", ["postgresql://mail:p%zz@db/mail"]),
]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """mailvault's logger, which is left as it was."""
    root = logging.getLogger("mailvault")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(root, "propagate", root.propagate)
    monkeypatch.setattr(Identity, "worker", None)
    return logging.getLogger("mailvault.worker.settle")


def test_each_line_is_an_object(log: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    log_to("json", (), Console(file=written))
    log.info("starting\nto %s", "work")
    monkeypatch.setattr(Identity, "worker", 7)
    log.warning("ü", extra={"job": 1, "email": "17", "reason": "damaged"})
    first, second = [json.loads(line) for line in written.getvalue().splitlines()]
    assert list(first) == ["time", "level", "message", "host", "pid"]
    assert (first["level"], first["message"]) == ("info", "starting to work")
    time = datetime.fromisoformat(second["time"])
    assert time.utcoffset() == UTC.utcoffset(None)
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    about = {name: second[name] for name in ("message", "worker", "job", "email", "reason")}
    assert about == {
        "message": "ü", "worker": 7, "job": 1, "email": "17", "reason": "damaged",
    }  # fmt: skip


@pytest.mark.parametrize("log_format", ["auto", "text", "json"])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_long_message_is_cut_and_a_secret_never_written(
    log: logging.Logger, log_format: str, *, is_terminal: bool
) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=is_terminal, width=10_000)
    log_to(log_format, ("hunter2",), console)  # type: ignore[arg-type]
    log.error("the password %s %s", "hunter2", "x" * 10 * LIMIT)
    text = written.getvalue()
    assert "hunter2" not in text
    assert f"the password {HIDDEN} x" in text
    assert LIMIT - 30 < text.count("x") < LIMIT
    assert "…" in text or "\\u2026" in text


@pytest.mark.parametrize("name", SECRETS)
def test_every_key_is_a_secret(name: str) -> None:
    secrets = secrets_of(settings_of(SECRETS))
    assert redact(f"<{SECRETS[name]}>", secrets) == f"<{HIDDEN}>"


@pytest.mark.parametrize("setting", ["DATABASE_URL", "SOURCE_DATABASE_URL"])
@pytest.mark.parametrize(("dsn", "forms"), DSNS)
def test_a_password_is_a_secret_as_it_is_and_as_it_is_written(
    setting: str, dsn: str, forms: list[str]
) -> None:
    secrets = secrets_of(settings_of({setting: dsn}))
    for form in forms:
        assert redact(f"<{form}>", secrets) == f"<{HIDDEN}>"
    assert redact("mail of db", secrets) == "mail of db"


def test_libpq_s_own_password_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    assert secrets_of(settings_of({})) == ("hunter2",)


def test_without_secrets_nothing_is_replaced() -> None:
    assert secrets_of(settings_of({"DATABASE_URL": "postgresql://mail@db/mail"})) == ()


def test_of_two_secrets_the_longer_goes_first() -> None:
    given = {"AWS_SECRET_ACCESS_KEY": "abc", "AWS_SESSION_TOKEN": "abcdef"}
    assert redact("abcdef", secrets_of(settings_of(given))) == HIDDEN


def test_what_the_database_keeps_is_cut() -> None:
    assert storable("x" * MESSAGE_LIMIT) == "x" * MESSAGE_LIMIT
    assert storable("x" * 9999) == "x" * MESSAGE_LIMIT + "…"
    assert storable("a\0b\ud800") == "a b?"
