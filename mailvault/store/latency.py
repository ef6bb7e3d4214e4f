"""How long the store takes for an object, to tell how long a migration will take."""

from __future__ import annotations

import os
import time
from statistics import median
from typing import TYPE_CHECKING

from mailvault.store.probe.trial import open_trial, sha256

if TYPE_CHECKING:
    from mailvault.config import Settings

TRIES = 5


def seconds_for(settings: Settings, size: int) -> float:
    """Return how long it takes to put an object of so many bytes, at the median of a few.

    They are put as an upload puts them, with all headers that a bucket may insist on. Where we may
    not delete they stay.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store did not take it.
    """
    content = os.urandom(size)
    digest, taken = sha256(content), []
    with open_trial(settings) as trial:
        trial.put_first()  # finds out about encryption, and opens the connection
        for number in range(TRIES):
            started = _waited()
            trial.put(trial.key(str(number)), content, digest)
            taken.append(_waited() - started)
    return median(taken)


def _waited() -> float:
    """Read a clock that stands still while this thread computes, as boto3 does for long."""
    return time.perf_counter() - time.thread_time()
