"""The queue against its reference, in thousands of histories.

MODEL_HISTORIES says how many; MODEL_SHRINK=no leaves a failing one as long as it was found.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from tests.model.database import Database
from tests.model.machine import WAYS, History

if TYPE_CHECKING:
    from pathlib import Path

    from tests.application import Application

HISTORIES = int(os.environ.get("MODEL_HISTORIES", "100"))
SHRINK = os.environ.get("MODEL_SHRINK", "yes") == "yes"
SHARD = 500
STEPS = 20
PHASES = [phase for phase in Phase if SHRINK or phase is Phase.generate]

MUST_HAPPEN = {
    "claim",
    "claim lost in a failover",
    "claim from a position",
    "claim while paused",
    "dispatched by the application",
    "cancel",
    "cancelled in hand",
    "open claim",
    "open claim ahead",
    "open dispatch",
    "open reap",
    "late",
    "strays",
    "crash",
    "reap",
    "retry",
    "jump",
    "beside an open transaction",
    "a lost worker came back",
    "an interrupted batch goes on",
    *WAYS,
    *(f"{way} of a lost lease" for way in WAYS),
    *(f"open {way}" for way in WAYS),
    *(f"{end} of what was open" for end in ("commit", "rollback", "kill")),
}
"""In every shard: a history in which nothing goes wrong proves nothing. A step that waits for the
open transaction, and sees how it ends, is too rare to ask for: 45, 3 and no times in three."""


@pytest.mark.direct
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(-(-HISTORIES // SHARD)))
def test_the_queue_is_always_as_the_reference_says(
    application: Application, tmp_path: Path, shard: int
) -> None:
    set_hypothesis_home_dir(tmp_path)
    marks: Counter[str] = Counter()
    histories = min(SHARD, HISTORIES - shard * SHARD)
    with closing(Database(application.dsn)) as database:
        run_state_machine_as_test(
            cast("type[History]", lambda: History(database, marks)),
            settings=settings(
                max_examples=histories,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=False,
                print_blob=True,
                database=DirectoryBasedExampleDatabase(tmp_path / "examples"),
                report_multiple_bugs=False,
                phases=PHASES,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert marks["histories"] >= histories
    if histories == SHARD:
        assert {name for name in MUST_HAPPEN if not marks[name]} == set()
