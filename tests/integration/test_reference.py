"""docs/reference.md is what the program says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.reference import REFERENCE, reference

if TYPE_CHECKING:
    import pytest

    from tests.application import Application

ROOT = Path(__file__).parents[2]


def test_the_reference_is_true(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    said = (ROOT / REFERENCE).read_text(encoding="utf-8")
    assert said == reference(application.connection), "make reference"
