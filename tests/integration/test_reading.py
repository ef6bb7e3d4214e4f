"""Reading mail while the application changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.db import Pool
from mailvault.errors import RowGoneError
from mailvault.source.description import SLICE
from mailvault.source.reader import SourceReader

if TYPE_CHECKING:
    from tests.application import Application


@pytest.mark.parametrize("size", [3, SLICE + 1])
def test_a_row_that_goes_after_it_was_found_is_looked_for_again(
    application: Application, size: int
) -> None:
    email = str(application.add_email("x" * size))
    with Pool(application.dsn) as pool:
        reader = SourceReader(pool, application.files_root)
        found = reader.describe([email])[email]
        assert isinstance(found, list)
        application.connection.execute("delete from emails")
        [gone] = reader.read([(1, found[0])], memory=SLICE)
        assert isinstance(gone, RowGoneError)
        assert gone.retryable
        assert reader.describe([email]) == {email: []}
        reader.close()
