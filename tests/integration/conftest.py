"""What the tests of the queue share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.db import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application


@pytest.fixture
def pool(application: Application) -> Iterator[Pool]:
    """Connections to the application's database, for some workers."""
    with Pool(application.dsn) as pool:
        yield pool
