"""Two failovers to a standby that missed commits; `make failover N=20` makes more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.failover import Failovers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Bucket


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_failovers_that_lose_commits(tmp_path: Path, bucket: Bucket) -> None:
    with Failovers(tmp_path / "failovers", bucket) as failovers:
        for _ in range(2):
            lost = failovers.run()
            assert lost.acks > 0
            assert lost.reissued > 0
        failovers.end()
