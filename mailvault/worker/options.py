"""What a worker process is asked to do: by the command, by the settings, and by both together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from mailvault.bandwidth import UNLIMITED, Timetable
from mailvault.hours import ALWAYS, Hours
from mailvault.queue.outbox import RetryPolicy
from mailvault.worker.gentle import Limits

if TYPE_CHECKING:
    from mailvault.config import Compression, Settings, UploaderChoice

BODY_SHARE = 16
UPLOAD_SHARE = 16
"""Parts of MIGRATION_MEMORY_LIMIT that bodies, and files on their way, may take: a sixteenth each.
Most of the rest is Python, its libraries, and what PostgreSQL's answers take twice."""


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """What `mailvault work` asks of each process."""

    concurrency: int
    uploader: UploaderChoice = "auto"
    drain: bool = False
    max_jobs: int | None = None
    max_memory: int | None = None
    bandwidth: Timetable = UNLIMITED
    compress: Compression = "none"
    window: Hours = ALWAYS


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How much to do at once, and when to end.

    Attributes:
        concurrency: Emails in flight.
        body_bytes: Bytes of bodies that may be in memory.
        drain: End when nothing is left to do.
        max_jobs: End after so many jobs.
        max_memory: End when the process takes more bytes than that.
        bandwidth: How fast to send, by local time.
        limits: What of the database's other work must not suffer.
        eligible_every: How often to walk through the mail for what has become eligible; None not
            to.
    """

    concurrency: int
    body_bytes: int
    drain: bool = False
    max_jobs: int | None = None
    max_memory: int | None = None
    bandwidth: Timetable = UNLIMITED
    limits: Limits = field(default_factory=Limits)
    eligible_every: timedelta | None = None


def upload_bytes(settings: Settings) -> int:
    """Return how many bytes of files may be on their way at once."""
    return settings.migration_memory_limit // UPLOAD_SHARE


def retry_policy(settings: Settings) -> RetryPolicy:
    """Return how often an email is tried."""
    return RetryPolicy(
        max_attempts=settings.migration_max_attempts,
        delay=timedelta(seconds=settings.migration_retry_delay),
        timeout=timedelta(seconds=settings.migration_chunk_timeout),
    )


def loop_options(settings: Settings, options: WorkOptions) -> LoopOptions:
    """Return what the loop has to know of both."""
    every = timedelta(seconds=settings.migration_eligible_every)
    return LoopOptions(
        concurrency=options.concurrency,
        body_bytes=settings.migration_memory_limit // BODY_SHARE,
        drain=options.drain,
        max_jobs=options.max_jobs,
        max_memory=options.max_memory,
        bandwidth=options.bandwidth,
        limits=Limits(
            window=options.window,
            replica_lag=settings.migration_max_replica_lag,
            archive_backlog=settings.migration_max_archive_backlog,
            active_sessions=settings.migration_max_active_sessions,
            claim_latency=settings.migration_max_claim_latency,
        ),
        eligible_every=None if options.drain else every,
    )
