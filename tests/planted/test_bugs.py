"""The table of bugs fits the source: `make planted` tries them."""

from __future__ import annotations

import pytest

from tests.planted.bugs import BUGS, Bug
from tests.planted.plant import ROOT, changed


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug: Bug) -> None:
    changed(ROOT, bug)
    file, _, name = bug.test.partition("::")
    source = (ROOT / file).read_text(encoding="utf-8")
    assert f"def {name.partition('[')[0]}" in source


def test_there_are_enough_of_them() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20
