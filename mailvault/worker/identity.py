"""Which worker this process is, told on each line of its log."""

from __future__ import annotations

import logging
from typing import ClassVar


class Identity(logging.Filter):
    """Gives each record the worker whose process it comes from, once that is known."""

    worker: ClassVar[int | None] = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the worker; keep every record."""
        record.worker = self.worker
        return True
