"""What an error of PostgreSQL means for the work, told by its SQLSTATE in this one place."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

import psycopg


class Kind(Enum):
    """Whose doing an error is, and so what helps."""

    SYSTEM = auto()
    """No email's: the call is repeated until the fault is gone, and no attempt is counted."""

    DENIED = auto()
    """A right that is missing for everything, or a policy that refuses one row."""

    DOUBTFUL = auto()
    """One row's or every row's: smaller groups tell, and whether others pass."""

    LOCKED = auto()
    """A lock that was not to be had in time; the same again later."""

    EMAIL = auto()
    """One row's: its data, or what the application's triggers and constraints say of it."""

    PROGRAM = auto()
    """Ours, or the schema's: nothing gets better by being repeated."""


class Fault(NamedTuple):
    """A kind of error, and the name under which it is reported."""

    kind: Kind
    reason: str


AWAY = Fault(Kind.SYSTEM, "postgres_unreachable")
CONFLICT = Fault(Kind.SYSTEM, "postgres_conflict")
FULL = Fault(Kind.SYSTEM, "postgres_full")
CANCELLED = Fault(Kind.DOUBTFUL, "postgres_cancelled")
_READ_ONLY = Fault(Kind.SYSTEM, "postgres_read_only")
_ROW = Fault(Kind.EMAIL, "write_back")
_OURS = Fault(Kind.PROGRAM, "postgres_refused")

_BY_STATE = {
    "08": AWAY,  # the connection broke
    "57P": AWAY,  # shutting down, crashed, starting up, or it ended an idle session
    "25P03": AWAY,  # idle_in_transaction_session_timeout: it ended the session
    "28": AWAY,  # it does not let us in: a password is being changed, say
    "53": FULL,  # too many connections, no disk, no memory
    "40": CONFLICT,  # a deadlock or a serialization failure; all is rolled back
    "25006": _READ_ONLY,  # a standby, or a server that was set to read-only
    "57014": CANCELLED,  # statement_timeout, or somebody cancelled it
    "25P04": CANCELLED,  # transaction_timeout
    "58": Fault(Kind.DOUBTFUL, "postgres_fault"),  # the server's disk fails, under all or one row
    "42501": Fault(Kind.DENIED, "postgres_denied"),  # a missing grant, or row-level security
    "55P03": Fault(Kind.LOCKED, "postgres_locked"),  # lock_timeout
    "42704": _ROW,  # a large object that is gone
    "42": _OURS,  # no such table, column or function; wrong types
    "0A": _OURS,  # not supported
    "3F": _OURS,  # no such schema
    "44": _ROW,  # WITH CHECK OPTION; psycopg counts it among errors of the program
}
"""By the beginning of the SQLSTATE; the longest that fits counts. All others are of one row: data,
constraints, a damaged page, and whatever an application's trigger raises."""


def diagnose(error: psycopg.Error) -> Fault:
    """Tell what kind of error this is."""
    state = error.sqlstate
    if state is not None:
        fitting = (state[:length] for length in (5, 3, 2) if state[:length] in _BY_STATE)
        beginning = next(fitting, None)
        return _BY_STATE[beginning] if beginning else _ROW
    # The client's own: a connection that is not there, or values that it cannot send.
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return AWAY
    return _ROW if isinstance(error, psycopg.DataError) else _OURS
