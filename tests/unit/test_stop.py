"""How a worker is asked to end: by orders and by signals."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from mailvault.worker.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stop() -> Iterator[Stop]:
    """One that the signals of this process go to."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop = Stop()
    stop.listen_to_signals()
    yield stop
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_the_second_signal_means_at_once(stop: Stop) -> None:
    send(signal.SIGTERM)
    assert (stop.requested.is_set(), stop.was_asked, stop.at_once) == (True, True, False)
    send(signal.SIGINT)
    assert stop.at_once


def test_an_order_leaves_the_grace_to_the_signal_after_it(stop: Stop) -> None:
    stop.request()
    assert (stop.requested.is_set(), stop.was_asked) == (True, False)
    send(signal.SIGTERM)
    assert (stop.was_asked, stop.at_once) == (True, False)
    send(signal.SIGTERM)
    assert stop.at_once


def test_orders_alone_never_shorten_the_grace(stop: Stop) -> None:
    for _ in range(3):
        stop.request()
    assert not stop.at_once


def test_the_grace_ends_by_itself() -> None:
    stop = Stop(grace=0.0)
    assert not stop.at_once
    stop.request()
    assert stop.at_once
