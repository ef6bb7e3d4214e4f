"""The bytes of file content that may be in memory at once."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ByteBudget:
    """A number of bytes, shared by all threads of an uploader."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._free = self._total
        self._changed = threading.Condition()

    def acquire(self, size: int) -> int:
        """Wait until `size` bytes are free; return how many were taken.

        More than there are in all means all of them: what is larger than the budget goes alone,
        and not never.
        """
        wanted = min(size, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        return wanted

    def release(self, taken: int) -> None:
        """Give back what `acquire` took."""
        with self._changed:
            self._free += taken
            self._changed.notify_all()

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Hold `size` bytes for the length of a block."""
        taken = self.acquire(size)
        try:
            yield
        finally:
            self.release(taken)
