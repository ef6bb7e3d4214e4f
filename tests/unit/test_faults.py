"""What each error of PostgreSQL means for the work."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from mailvault.faults import Kind, diagnose

KINDS = {
    Kind.SYSTEM: [
        "08006", "08P01", "57P01", "57P02", "57P03", "57P05", "25P03", "28P01", "53100", "53200",
        "53300", "40001", "40P01", "25006",
    ],
    Kind.DENIED: ["42501"],
    Kind.DOUBTFUL: ["57014", "25P04", "58030"],
    Kind.LOCKED: ["55P03"],
    Kind.EMAIL: ["22021", "23505", "23514", "44000", "P0001", "XX001", "MV001"],
    Kind.PROGRAM: ["42P01", "42703", "42601", "0A000", "3F000"],
}  # fmt: skip


def error_of(state: str) -> psycopg.Error:
    try:
        return errors.lookup(state)("said")
    except KeyError:
        error = psycopg.DatabaseError("said")
        error.sqlstate = state
        return error


@pytest.mark.parametrize(
    ("state", "kind"), [(state, kind) for kind, states in KINDS.items() for state in states]
)
def test_each_sqlstate_has_its_kind(state: str, kind: Kind) -> None:
    assert diagnose(error_of(state)).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.OperationalError("connection refused"), Kind.SYSTEM),
        (psycopg.InterfaceError("the connection is closed"), Kind.SYSTEM),
        (psycopg.DataError("text fields cannot contain NUL"), Kind.EMAIL),
        (psycopg.ProgrammingError("no such placeholder"), Kind.PROGRAM),
    ],
)
def test_the_clients_own_errors_have_kinds_too(error: psycopg.Error, kind: Kind) -> None:
    assert diagnose(error).kind is kind
