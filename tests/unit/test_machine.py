"""What the table of processes says of the workers that run detached."""

from __future__ import annotations

import subprocess

import psutil
import pytest

from mailvault.errors import MailvaultError
from mailvault.worker.machine import Detached, mark_of
from tests.settings import settings_of


def mark(dsn: str) -> str:
    return mark_of(settings_of({}, database_url=dsn))


@pytest.mark.parametrize(
    ("one", "other"),
    [("service=a", "service=b"), ("user=a", "user=b"), ("dbname=a", "dbname=b")],
)
def test_each_database_has_its_own_mark(one: str, other: str) -> None:
    assert mark(one) != mark(other)


def test_who_connects_is_no_part_of_a_mark_where_the_database_is_named() -> None:
    assert mark("dbname=a user=b password=c") == mark("dbname=a user=d")
    assert mark("dbname=a") == mark("user=a")


def test_one_that_has_just_ended_has_no_place() -> None:
    with subprocess.Popen(["sleep", "60"]) as running:
        process = psutil.Process(running.pid)
        running.kill()
    with pytest.raises(MailvaultError, match="has just ended"):
        Detached(process, []).place()
