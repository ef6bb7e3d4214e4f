"""The waits before something is started anew."""

from __future__ import annotations

from mailvault.worker.backoff import Backoff


def test_the_waits_double_up_to_the_longest() -> None:
    backoff = Backoff()
    assert [backoff.after(0.5) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_minute_of_good_running_forgets_what_was_before() -> None:
    backoff = Backoff()
    assert [backoff.after(ran) for ran in (1, 59, 61, 0, 3600)] == [1, 2, 1, 2, 1]
