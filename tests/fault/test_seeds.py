"""Twenty fault runs; `make fault` plays as many as are asked for, some by the real intervals."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.fault.seeds.plan import make_plan
from tests.fault.seeds.play import play
from tests.fault.seeds.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = range(1, 21)


@pytest.fixture(scope="module")
def slot(store: dict[str, str]) -> Iterator[Slot]:
    with TemporaryDirectory(prefix="mailvault-fault-") as directory:
        slot = Slot(Path(directory), store)
        yield slot
        slot.close()


# Connections that a fault broke are left to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_converges(slot: Slot, seed: int) -> None:
    result = play(make_plan(seed, default_clock=False), slot)
    assert not result.error, f"{result.error}\nagain: make fault SEEDS={seed}"
    assert result.fired.total() > 0, "no fault hit anything: the run proved nothing"
    assert result.looks > 0, "nobody looked while it ran"
