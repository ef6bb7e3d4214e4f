"""The server, its settings, and the way to it."""

from __future__ import annotations

import platform
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from mailvault.observe.doctor.finding import Finding, Severity
from mailvault.observe.text import duration

if TYPE_CHECKING:
    from mailvault.observe.doctor.examination import Examination

OLDEST, NEWEST = 14, 18
"""PostgreSQL's major versions that mailvault is made for."""

TIMEOUTS: tuple[tuple[str, timedelta, Severity, str], ...] = (
    # An ack waits up to 2 s for a row that the application has locked, and then writes hundreds.
    ("statement_timeout", timedelta(seconds=5), "problem", "acks may never get through"),
    ("transaction_timeout", timedelta(seconds=5), "problem", "acks may never get through"),
    # Over a large table, in one statement.
    ("statement_timeout", timedelta(minutes=1), "warning", "`enqueue` may not come to count all"),
    # A body over 8 MiB is read in slices, in one transaction; each is written to disk in between.
    ("transaction_timeout", timedelta(minutes=1), "warning", "large bodies may not be read"),
    (
        "idle_in_transaction_session_timeout", timedelta(seconds=10), "warning",
        "large bodies may not be read",
    ),
    # Two workers at one row wait milliseconds for each other, or for a slow disk.
    ("lock_timeout", timedelta(seconds=1), "warning", "workers give up waiting for one another"),
)  # fmt: skip
"""The least that each time-out should be, the worst first, and what happens below."""

PER_PROCESS = 4
"""Connections of one worker process: three to work with, and one to show how far it is."""

SPARE_PROCESSES = 4

CLOCK_TOLERANCE = timedelta(seconds=60)
"""The database's clock counts, so that a difference harms little; S3 refuses at 15 minutes."""

CLOCK_GRAIN = timedelta(seconds=2)
"""A store tells the time in whole seconds."""


def version(look: Examination) -> list[Finding]:
    """Find a PostgreSQL that mailvault is not made for."""
    major = look.server["major"]
    what = (
        f"PostgreSQL {look.server['version']}, psycopg {psycopg.__version__}, "
        f"Python {platform.python_version()}"
    )
    tested = f"mailvault is made for PostgreSQL {OLDEST} to {NEWEST}"
    if major < OLDEST:
        return [Finding("version", "problem", what, f"upgrade: {tested}")]
    if major > NEWEST:
        return [Finding("version", "notice", what, f"look for a newer mailvault: {tested}")]
    return [Finding("version", "ok", what)]


def standby(look: Examination) -> list[Finding]:
    """Find a server that takes no writes."""
    if look.server["in_recovery"]:
        return [
            Finding(
                "standby", "problem", "the server is a standby and takes no writes",
                "name the primary in DATABASE_URL, or all hosts with target_session_attrs=primary",
            )
        ]  # fmt: skip
    if look.setting("default_transaction_read_only") == "on":
        return [
            Finding(
                "standby", "problem", "transactions of this role are read-only",
                f"alter role {look.server['role']} set default_transaction_read_only = off;",
            )
        ]  # fmt: skip
    return [Finding("standby", "ok", "the server takes writes")]


def durability(look: Examination) -> list[Finding]:
    """Find settings with which PostgreSQL forgets what it said was done."""
    found = [
        Finding(
            "durability", "problem",
            f"{name} is off: a crash of the machine can destroy the database, mail and all",
            f"alter system set {name} = on; select pg_reload_conf();",
        )
        for name in ("fsync", "full_page_writes") if look.setting(name) != "on"
    ]  # fmt: skip
    if look.setting("synchronous_commit") == "off":
        found.append(
            Finding(
                "durability", "warning",
                "synchronous_commit is off: a crash can lose acks of the last moments; their "
                "emails are stored once more under the same keys",
                f"alter role {look.server['role']} set synchronous_commit = on;",
            )
        )  # fmt: skip
    return found or [Finding("durability", "ok", "what is committed stays")]


def timeouts(look: Examination) -> list[Finding]:
    """Find time-outs of the role that are too short for what workers do."""
    found: dict[str, Finding] = {}
    for name, least, severity, harm in TIMEOUTS:
        value = timedelta(milliseconds=int(look.setting(name, "0")))
        if timedelta(0) < value < least and name not in found:
            found[name] = Finding(
                "timeouts", severity, f"{name} is {value.total_seconds():g} s: {harm}",
                f"alter role {look.server['role']} set {name} = 0;",
            )  # fmt: skip
    ok = Finding("timeouts", "ok", "no time-out is too short for a worker")
    return list(found.values()) or [ok]


def isolation(look: Examination) -> list[Finding]:
    """Find another isolation than the one that the queue is made for."""
    level = look.setting("default_transaction_isolation")
    if level == "read committed":
        return [Finding("isolation", "ok", f"transactions are {level}")]
    return [
        Finding(
            "isolation", "warning",
            f"transactions are {level}: workers that meet fail, and try again",
            f"alter role {look.server['role']} set default_transaction_isolation = "
            "'read committed';",
        )
    ]  # fmt: skip


def connections(look: Examination) -> list[Finding]:
    """Find too few connections left for workers."""
    rows = look.rows("connections")
    tightest = min(rows, key=lambda row: row["allowed"] - row["used"])
    free = max(tightest["allowed"] - tightest["used"], 0)
    what = (
        f"{tightest['used']} of {tightest['allowed']} connections are taken ({tightest['name']})"
    )
    if free >= PER_PROCESS * SPARE_PROCESSES:
        return [Finding("connections", "ok", what)]
    return [
        Finding(
            "connections", "problem" if free < PER_PROCESS else "warning",
            f"{what}; a worker process takes up to {PER_PROCESS}",
            f"raise the limit ({tightest['name']}), or put PgBouncer in between",
        )
    ]  # fmt: skip


def pooler(look: Examination) -> list[Finding]:
    """Find out whether a pooler stands in between."""
    # A pooler gives its own number to its clients; PostgreSQL tells the one of its process.
    its = look.server["pid"]
    if look.connection.info.backend_pid == its:
        return [Finding("pooler", "ok", "the connection goes to PostgreSQL itself")]
    return [
        Finding(
            "pooler", "notice",
            f"a pooler is in between (PostgreSQL's process {its} is not the one that it names): "
            "workers do without LISTEN, and look for new jobs once a second",
            "nothing needs to be done; for LISTEN, name PostgreSQL itself in DATABASE_URL",
        )
    ]  # fmt: skip


def clock(look: Examination) -> list[Finding]:
    """Find out whether this machine's clock is the database's."""
    before = datetime.now(UTC)
    [row] = look.rows("now")
    after = datetime.now(UTC)
    return [compare_clocks("the database's", row["now"] - (before + (after - before) / 2))]


def compare_clocks(whose: str, ahead: timedelta) -> Finding:
    """Say by how much another clock differs from this machine's."""
    seconds = abs(ahead.total_seconds())
    said = f"{whose} clock is {duration(seconds)} {'ahead' if ahead > timedelta(0) else 'behind'}"
    if seconds < CLOCK_GRAIN.total_seconds():
        said = f"{whose} clock and this machine's are less than two seconds apart"
    if seconds <= CLOCK_TOLERANCE.total_seconds():
        return Finding("clock", "ok", said)
    return Finding(
        "clock", "warning",
        f"{said} of this machine's; S3 refuses what is signed 15 minutes off",
        "chronyc makestep, on the machine that is wrong (or: timedatectl set-ntp true)",
    )  # fmt: skip
