"""How long the store takes for an object, to tell how long a migration will take."""

from __future__ import annotations

import os
import time
from statistics import median
from typing import TYPE_CHECKING
from uuid import uuid4

import obstore

from mailvault.errors import UnreachableError
from mailvault.store.options import s3_store

if TYPE_CHECKING:
    from mailvault.config import Settings

TRIES = 5


def seconds_for(settings: Settings, size: int) -> float:
    """Return how long it takes to put an object of so many bytes, at the median of a few.

    Raises:
        UnreachableError: The store did not take it.
    """
    store = s3_store(settings)
    key, content = f".mailvault/{uuid4().hex}", os.urandom(size)
    taken = []
    try:
        for _ in range(TRIES):
            started = time.perf_counter()
            obstore.put(store, key, content, use_multipart=False)
            taken.append(time.perf_counter() - started)
        obstore.delete(store, key)
    except (obstore.exceptions.BaseError, OSError) as error:
        said = str(error).splitlines()[0]
        raise UnreachableError(
            f"the store did not take an object of {size:,} bytes: {said}"
        ) from None
    return median(taken[1:])  # the first one is that of the connection, too
