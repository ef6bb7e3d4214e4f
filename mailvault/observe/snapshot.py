"""What `status` shows, as it stands at one moment: the contract of `status --json`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from psycopg import IsolationLevel
from psycopg.rows import dict_row

from mailvault.db import query
from mailvault.errors import ConfigError
from mailvault.observe.hints import hint_for, is_retryable
from mailvault.observe.text import paused
from mailvault.queue.control import Control
from mailvault.queue.roster import living

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from mailvault.queue.control import Pause
    from mailvault.queue.roster import Worker

SCHEMA_VERSION = 1
_BATCH = (
    "id", "state", "total", "dispatched", "processed", "failed", "remaining",
    "completion_pct", "success_pct", "rate_per_min", "elapsed_s", "eta_s",
)  # fmt: skip

CHART_SPANS = 40
"""Spans of 15 seconds that the chart shows: ten minutes."""

LONG = timedelta(seconds=5)
"""After this time an email in hand is named as slow."""

_QUEUE = ("ready", "delayed", "leased")
_WORKER = ("host", "pid", "state", "in_flight", "heartbeat_age_s", "uploader", "uploader_reason",
           "held_message", "processed", "failed", "memory")  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Details:
    """What whoever watches sees beside the contract.

    Attributes:
        chart: Emails a second in spans of 15 seconds, the oldest first; None where not known.
        slowest: The emails that are in hand for the longest time.
        failing: Attempts that failed in the last five minutes, by reason.
    """

    chart: Sequence[float | None]
    slowest: Sequence[Row]
    failing: Sequence[Row]


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
        workers = living(connection)
        reasons = cursor.execute(query("observe", "reasons"), {"batch": batch}).fetchall()
        pause = Control(connection).paused()
    if summary is None:
        if batch is not None:
            raise ConfigError(f"there is no batch {batch}", hint="mailvault status shows all")
        return None
    heard = [worker for worker in workers if worker.is_heard]
    hold = _paused(pause) if pause else _hold(heard)
    return Snapshot(
        schema_version=SCHEMA_VERSION,
        generated_at=summary["generated_at"].isoformat(),
        batch={name: summary[name] for name in _BATCH},
        stored={"parts": summary["parts"], "bytes": summary["bytes"]},
        eta=_eta(summary, held=hold is not None and hold["kind"] != "throttled", by=len(heard)),
        hold=hold,
        queue={name: summary[name] for name in _QUEUE} | {"dead": summary["failed"]},
        failures=[_failure(row) for row in reasons],
        workers=[
            {"id": worker.worker} | {name: getattr(worker, name) for name in _WORKER}
            for worker in workers
        ],
    )


def take_details(connection: psycopg.Connection, batch: int | None = None) -> Details:
    """Return what a snapshot leaves out."""
    with connection.cursor(row_factory=dict_row) as cursor:
        known = cursor.execute(
            query("observe", "chart"), {"batch": batch, "spans": CHART_SPANS}
        ).fetchall()
        slowest = cursor.execute(
            query("observe", "slowest"), {"batch": batch, "longer": LONG, "limit": 5}
        ).fetchall()
        failing = cursor.execute(query("observe", "failing"), {"limit": 5}).fetchall()
    rates = {row["spans_ago"]: row["per_second"] for row in known}
    # The span that is not over yet is not shown.
    chart = [rates.get(ago) for ago in range(CHART_SPANS, 0, -1)]
    return Details(chart, slowest, failing)


def _eta(summary: Row, *, held: bool, by: int) -> Row:
    """Say when it will be over: a time of day only while somebody works, and a range."""
    known = summary["eta_s"] is not None
    if summary["is_due"]:
        state = "due"
    elif held:
        state = "held"
    elif summary["is_stalled"] or not by:
        state = "stalled"
    else:
        state = "ready" if known else "measuring"
    shown = state == "ready"
    return {
        "state": state,
        "low_s": summary["eta_low_s"] if shown else None,
        "high_s": summary["eta_high_s"] if shown else None,
        "at": summary["eta_at"].isoformat() if shown else None,
    }


def _paused(pause: Pause) -> Row:
    reason = {
        "signal": "paused",
        "observed": paused(pause),
        "limit": None,
        "since": pause.since.isoformat(),
    }
    return {"kind": "paused", "reasons": [reason]}


def _hold(workers: list[Worker]) -> Row | None:
    """What keeps workers from working; where nothing does, what makes them slow."""
    held = [worker for worker in workers if worker.state == "held"]
    works = any(worker.state == "running" for worker in workers)
    slowed = [worker for worker in workers if worker.held_reason is not None]
    if not slowed:
        return None
    reasons = [
        {
            "signal": worker.held_reason,
            "observed": worker.held_message,
            "limit": None,
            "since": worker.held_since and worker.held_since.isoformat(),
        }
        for worker in held or slowed
    ]
    unique = {reason["signal"]: reason for reason in reversed(reasons)}
    kind = "breaker" if held and not works else "throttled"
    return {"kind": kind, "reasons": list(unique.values())}


def _failure(row: Row) -> Row:
    return {
        "reason": row["reason"],
        "count": row["count"],
        "retryable": is_retryable(row["reason"]),
        "example": f"email {row['email']}: {row['message']}",
        "hint": hint_for(row["reason"]),
    }
