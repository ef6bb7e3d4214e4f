"""How much memory this process takes."""

from __future__ import annotations

import psutil

_this = psutil.Process()


def memory_in_use() -> int:
    """Return the bytes of RAM that this process takes, as the kernel counts them."""
    size: int = _this.memory_info().rss
    return size
