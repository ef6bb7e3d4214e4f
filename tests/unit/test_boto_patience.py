"""How long requests of boto3 wait before they are made again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailvault.store.boto_patience import BotoPatience, retry_after
from mailvault.store.pace import Patience

PATIENCE = Patience(connect=1, answer=1, retries=5, total=60, first_pause=1, longest_pause=5)


@pytest.mark.parametrize(
    ("lot", "pauses"), [(1.0, [1, 2, 4, 5, 5]), (0.5, [0.5, 1, 2, 2.5, 2.5]), (0.0, [0] * 5)]
)
def test_pauses_double_up_to_the_longest_and_are_drawn_by_lot(
    lot: float, pauses: list[float]
) -> None:
    patience = BotoPatience(PATIENCE, lot=lambda: lot)
    assert [patience.pause(retry, 0) for retry in range(5)] == pauses
    assert patience.pause(0, 7) == 7 + pauses[0]


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0),  # over already
        ("-7", 0),
        ("soon", 0),
        (None, 0),
    ],
)
def test_what_the_store_wishes_is_seconds_or_a_date(wish: str | None, seconds: float) -> None:
    now = datetime(2015, 10, 21, 7, 27, tzinfo=UTC)
    assert retry_after(wish, now) == seconds
