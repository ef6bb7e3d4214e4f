"""Who keeps vacuum from removing dead rows, and PostgreSQL from removing its old log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.filesize import decimal

from mailvault.observe.doctor.examination import SHOWN
from mailvault.observe.doctor.finding import Finding
from mailvault.observe.text import duration

if TYPE_CHECKING:
    from mailvault.observe.doctor.examination import Examination, Row

OLD_TRANSACTION = timedelta(minutes=5)
"""Five rounds of autovacuum came to nothing."""

VERY_OLD_TRANSACTION = timedelta(hours=1)
"""Nothing that an application does for its users takes so long: it was forgotten."""

MUCH_LOG = 1024**3
"""PostgreSQL keeps about as much for itself (max_wal_size)."""

OLD_ROWS = 1_000_000
"""Transactions: more than pass while a standby answers somebody who waits."""


def transactions(look: Examination) -> list[Finding]:
    """Find sessions in old transactions, and prepared transactions that nobody ended."""
    asked = {"older": OLD_TRANSACTION, "limit": SHOWN}
    open_ones = [_transaction(row) for row in look.rows("transactions", **asked)]
    prepared = [_prepared(row) for row in look.rows("prepared_transactions", **asked)]
    blind = []
    if not look.server["sees_sessions"]:
        role = look.server["role"]
        blind = [
            Finding(
                "transactions", "notice",
                f"role {role} does not see what the sessions of other roles do",
                f"grant pg_monitor to {role};",
            )
        ]  # fmt: skip
    return open_ones + prepared + blind or [
        Finding(
            "transactions",
            "ok",
            f"no transaction is older than {duration(OLD_TRANSACTION.total_seconds())}",
        )
    ]


def _transaction(row: Row) -> Finding:
    who = f"{row['role']}, {row['application']}" if row["application"] else row["role"]
    harm = "keeps vacuum from removing dead rows" if row["keeps_rows"] else "keeps its locks"
    old = row["seconds"] >= VERY_OLD_TRANSACTION.total_seconds()
    return Finding(
        "transactions",
        "problem" if old and row["keeps_rows"] else "warning",
        f"session {row['pid']} ({who}) is {row['state']} in a transaction of "
        f"{duration(row['seconds'])}, which {harm}",
        f"end it: select pg_terminate_backend({row['pid']});",
    )


def _prepared(row: Row) -> Finding:
    return Finding(
        "transactions",
        "problem",  # no session will ever end it
        f"transaction {row['gid']} of {row['role']} was prepared {duration(row['seconds'])} ago "
        "and not ended: it keeps its locks, and vacuum from removing dead rows",
        f"rollback prepared {row['gid']}; (or commit)",
    )


def replication(look: Examination) -> list[Finding]:
    """Find slots and standbys that keep the log, or rows, for somebody who does not come."""
    found = [_slot(row) for row in look.rows("slots")]
    behind = look.rows("standbys", transactions=OLD_ROWS, limit=SHOWN)
    troubles = [slot for slot in found if slot] + [_standby(row) for row in behind]
    ok = f"{len(found)} replication slots, all in use" if found else "there is no replication slot"
    return troubles or [Finding("replication", "ok", ok)]


def _slot(row: Row) -> Finding | None:
    name, wal = row["name"], row["wal_kept"] or 0
    drop = f"select pg_drop_replication_slot('{name}'); (or start who reads it)"
    if row["wal_status"] == "lost":
        return Finding(
            "replication", "warning", f"slot {name} lost its place in the log for good", drop
        )
    kept = [f"{decimal(wal)} of the log"]
    if row["rows_kept_for"] is not None:
        kept.append(f"dead rows of {row['rows_kept_for']:,} transactions")
    if not row["active"]:
        grave = wal >= MUCH_LOG or row["rows_kept_for"] is not None
        return Finding(
            "replication",
            "problem" if grave else "warning",
            f"nobody reads replication slot {name}, which keeps {' and '.join(kept)}",
            drop,
        )
    if wal < MUCH_LOG:
        return None
    return Finding(
        "replication",
        "warning",
        f"who reads replication slot {name} is behind: it keeps {' and '.join(kept)}",
        "see why it is slow, and bound what it keeps: "
        "alter system set max_slot_wal_keep_size = '50GB';",
    )


def _standby(row: Row) -> Finding:
    return Finding(
        "replication",
        "warning",
        f"standby {row['name']} ({row['address'] or 'local'}) keeps dead rows of "
        f"{row['transactions']:,} transactions for a query that it runs",
        "end that query there, or set hot_standby_feedback = off there",
    )
