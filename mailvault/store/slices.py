"""How large parts are cut into slices, each sent in a request of its own."""

from __future__ import annotations

PART_SIZE = 8 * 1024**2
"""Largest part sent in one request, and the size of the slices of one that is not."""

SLICES = 4
"""Slices of one part under way at once."""

MOST_SLICES = 9_000
"""S3 allows 10,000; a few are left for what a provider counts otherwise."""


def slice_size(part_size: int, size: int) -> int:
    """Return the size of all slices but the last, for a part of this size."""
    return max(part_size, -(-size // MOST_SLICES))
