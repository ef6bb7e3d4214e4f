"""What `status` shows, as it stands at one moment: the contract of `status --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from psycopg import IsolationLevel
from psycopg.rows import dict_row

from mailvault.db import query
from mailvault.errors import PART_ERRORS, ConfigError
from mailvault.observe.hints import hint_for

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

SCHEMA_VERSION = 1
_BATCH = (
    "id", "state", "total", "dispatched", "processed", "failed", "remaining",
    "completion_pct", "success_pct", "rate_per_min", "elapsed_s", "eta_s",
)  # fmt: skip
_QUEUE = ("ready", "delayed", "leased")
_WORKER = ("id", "host", "pid", "state", "in_flight", "heartbeat_age_s", "uploader",
           "uploader_reason", "held_message")  # fmt: skip

Row = dict[str, Any]


class Snapshot(TypedDict):
    """The state of one batch, or of all together; what is not known is None, never 0."""

    schema_version: int
    generated_at: str
    batch: Row
    stored: Row
    eta: Row
    hold: Row | None
    queue: Row
    failures: list[Row]
    workers: list[Row]


def take_snapshot(connection: psycopg.Connection, batch: int | None = None) -> Snapshot | None:
    """Return how one batch stands, or all together; None if nothing was ever enqueued.

    Raises:
        ConfigError: There is no such batch.
    """
    # One snapshot of the database for all queries, or the numbers would not add up.
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        summary = cursor.execute(query("observe", "summary"), {"batch": batch}).fetchone()
        workers = cursor.execute(query("observe", "workers")).fetchall()
        reasons = cursor.execute(query("observe", "reasons"), {"batch": batch}).fetchall()
        paused = cursor.execute(query("queue", "paused")).fetchone()
    if summary is None:
        if batch is not None:
            raise ConfigError(f"there is no batch {batch}", hint="mailvault status shows all")
        return None
    hold = _pause(paused) if paused else _hold(workers)
    return Snapshot(
        schema_version=SCHEMA_VERSION,
        generated_at=summary["generated_at"].isoformat(),
        batch={name: summary[name] for name in _BATCH},
        stored={"parts": summary["parts"], "bytes": summary["bytes"]},
        eta=_eta(summary, held=hold is not None and hold["kind"] != "throttled"),
        hold=hold,
        queue={name: summary[name] for name in _QUEUE} | {"dead": summary["failed"]},
        failures=[_failure(row) for row in reasons],
        workers=[{name: row[name] for name in _WORKER} for row in workers],
    )


def _eta(summary: Row, *, held: bool) -> Row:
    at: datetime | None = summary["eta_at"]
    known = summary["eta_s"] is not None
    if summary["is_due"]:
        state = "due"
    elif held:
        state = "held"
    elif known:
        state = "ready"
    else:
        state = "stalled" if summary["is_stalled"] else "measuring"
    shown = at.isoformat() if at is not None and state == "ready" else None
    return {"state": state, "low_s": None, "high_s": None, "at": shown}


def _pause(paused: Row) -> Row:
    reason = {
        "signal": "paused",
        "observed": f"paused by {paused['paused_by']}; go on with: mailvault resume",
        "limit": None,
        "since": paused["paused_at"].isoformat(),
    }
    return {"kind": "paused", "reasons": [reason]}


def _hold(workers: list[Row]) -> Row | None:
    """What keeps workers from working; where nothing does, what makes them slow."""
    held = [worker for worker in workers if worker["state"] == "held"]
    slowed = [worker for worker in workers if worker["held_reason"] is not None]
    if not slowed:
        return None
    reasons = [
        {
            "signal": worker["held_reason"],
            "observed": worker["held_message"],
            "limit": None,
            "since": worker["held_since"].isoformat(),
        }
        for worker in held or slowed
    ]
    unique = {reason["signal"]: reason for reason in reversed(reasons)}
    kind = "breaker" if held else "throttled"
    return {"kind": kind, "reasons": list(unique.values())}


def _failure(row: Row) -> Row:
    error = PART_ERRORS.get(row["reason"])
    return {
        "reason": row["reason"],
        "count": row["count"],
        "retryable": error.retryable if error else True,
        "example": f"email {row['email']}: {row['message']}",
        "hint": hint_for(row["reason"]),
    }
