"""What an operator tells all workers."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from mailvault.db import query

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import psycopg


class Pause(NamedTuple):
    """Since when all is paused, by whom, and until when; None: until somebody resumes."""

    since: datetime
    by: str
    until: datetime | None


def operator() -> str:
    """Return who is at work here, for the audit: the role is often everybody's."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


class Control:
    """Tells all workers what to do, wherever they are; they look every second."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def _tell(self, name: str, **parameters: object) -> None:
        self._connection.execute(query("control", name), {"by": operator(), **parameters})

    def _ask(self, name: str) -> tuple[Any, ...] | None:
        return self._connection.execute(query("control", name)).fetchone()

    def pause(self, time: timedelta | None = None) -> None:
        """Have nothing claimed any more; what is in upload is finished, the rest given back."""
        self._tell("pause", span=time)

    def resume(self) -> None:
        """End a pause."""
        self._tell("resume")

    def paused(self) -> Pause | None:
        """Return how all is paused; None if it is not."""
        row = self._ask("paused")
        return Pause._make(row) if row else None

    def set_concurrency(self, concurrency: int | None) -> None:
        """Have at most so many emails in flight, of all workers together; None: as started."""
        self._tell("set_concurrency", concurrency=concurrency)

    def concurrency(self) -> int | None:
        """Return how many emails all workers together may have in flight, if that was set."""
        row = self._ask("concurrency")
        assert row is not None
        return None if row[0] is None else int(row[0])

    def stopped_before(self) -> float | None:
        """Return how many seconds ago all workers were told to end, if ever."""
        row = self._ask("stopped_before")
        assert row is not None
        return None if row[0] is None else float(row[0])

    def stop_workers(self) -> None:
        """End all workers that run now."""
        self._tell("stop_workers")
