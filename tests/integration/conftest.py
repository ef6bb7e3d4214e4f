"""What the tests of the queue share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg_pool import ConnectionPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application


@pytest.fixture
def pool(application: Application) -> Iterator[ConnectionPool]:
    """Connections to the application's database, for some workers."""
    with ConnectionPool(application.dsn, max_size=8, kwargs={"autocommit": True}) as pool:
        yield pool
