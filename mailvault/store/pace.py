"""How both uploaders pace themselves: the numbers, of which the extension has none of its own.

S3 takes 3,500 puts a second for each partition of a bucket's keys, and needs half an hour or more
to split one: it wants to be asked for more by and by, and for less when it says SlowDown.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take and how often it is tried; seconds.

    Attributes:
        connect: For one connection.
        answer: For an answer, beside the time that the request's bytes may take.
        retries: After the first attempt.
        total: After which no attempt is made any more.
        slowest: Bytes a second, at the least.
        first_pause: Up to which the first retry waits, by lot; doubles each time.
        longest_pause: Up to which any does. What the store asks for in `Retry-After` comes on top.
    """

    connect: float
    answer: float
    retries: int
    total: float
    slowest: int = 64 * 1024
    first_pause: float = 0.2
    longest_pause: float = 5.0


UPLOAD = Patience(connect=5, answer=60, retries=5, total=20)
"""A fault of the store is known within half a minute, and one that hangs within one and a half."""

BRIEF = Patience(connect=3, answer=3, retries=1, total=8)
"""For small requests that somebody waits for, or that can be done another time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many requests are at the store at once, and how that changes; seconds and bytes.

    Attributes:
        start: The first window. It doubles each round of answers until the first trouble.
        shortest_round: Answers in a round, at the least.
        small: Largest body of a request whose latency counts.
        slow: How much longer than the shortest latency is slow, where it is also twice as long.
        memory: The shortest latency is that of the last one to two of these.
        calm: How long after its last fall a window counts as held down.
        burst: How much of a bandwidth that was not used may be used later: timers are late.
    """

    start: int = 16
    shortest_round: int = 8
    small: int = 64 * 1024
    slow: float = 1.0
    memory: float = 30.0
    calm: float = 30.0
    burst: float = 0.1


PACE = Pace()
