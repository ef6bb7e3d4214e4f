"""What an operator tells all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault.db import query

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg


class Control:
    """Pauses all workers, wherever they are, and lets them go on; they look every second."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def pause(self) -> None:
        """Have nothing claimed any more; what is in upload is finished, the rest given back."""
        self._connection.execute(query("queue", "pause"))

    def resume(self) -> None:
        """End a pause."""
        self._connection.execute(query("queue", "resume"))

    def paused(self) -> tuple[datetime, str] | None:
        """Return since when all is paused, and by whom; None if it is not."""
        return self._connection.execute(query("queue", "paused")).fetchone()
