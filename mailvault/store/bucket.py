"""A token bucket: so many bytes a second, and what was not used of late at once."""

from __future__ import annotations


class TokenBucket:
    """Bytes that go through at a rate; as in `bucket.rs`.

    The time at which all that went before is paid for stands for the tokens. What finds it past
    goes at once, however large it is, and is paid for by who comes next.
    """

    def __init__(self, burst: float, now: float) -> None:
        self._burst = burst
        self._rate: int | None = None
        self._paid_at = now

    def limit(self, rate: int | None, now: float) -> None:
        """Let so many bytes a second through from now on; what is owed is paid at that rate."""
        owed = max(0.0, self._paid_at - now)
        self._paid_at = now + (owed * self._rate / rate if self._rate and rate else 0)
        self._rate = rate

    def take(self, size: int, now: float) -> float:
        """Take so many bytes; where it is too early for that, return for how many seconds."""
        if self._rate is None:
            return 0
        if now < self._paid_at:
            return self._paid_at - now
        self._paid_at = max(self._paid_at, now - self._burst) + size / self._rate
        return 0
