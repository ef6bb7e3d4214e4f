"""Which uploader is opened, and that the extension speaks the words of errors.py."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mailvault import _rust
from mailvault.errors import PART_ERRORS, ConfigError
from mailvault.store.open import open_uploader
from tests.settings import settings_of

if TYPE_CHECKING:
    from mailvault.config import Settings, UploaderChoice

FROM_THE_DATABASE = {"body_unreadable", "row_gone", "source_busy", "spool_failed"}


@pytest.fixture
def settings() -> Settings:
    return settings_of(
        {
            "S3_ENDPOINT": "http://127.0.0.1:9",
            "S3_BUCKET": "bucket",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
    )


def test_the_extension_knows_our_reasons() -> None:
    ours = {
        (reason, error.retryable, error.systemic)
        for reason, error in PART_ERRORS.items()
        if reason not in FROM_THE_DATABASE
    }
    assert set(_rust.reasons()) == ours


@pytest.mark.parametrize(
    ("choice", "there", "name", "reason"),
    [
        ("auto", True, "rust", "the Rust extension is there"),
        ("auto", False, "boto3", "the Rust extension is not installed"),
        ("rust", True, "rust", "asked for"),
        ("boto3", True, "boto3", "asked for"),
        ("boto3", False, "boto3", "asked for"),
    ],
)
def test_the_choice_is_made_and_told(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    choice: UploaderChoice,
    there: bool,
    name: str,
    reason: str,
) -> None:
    if not there:
        hide_extension(monkeypatch)
    opened = open_uploader(settings, choice=choice, concurrency=2, max_bytes=1024)
    assert (opened.uploader.name, opened.reason) == (name, reason)
    opened.uploader.close()


def test_rust_that_is_not_there_is_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_extension(monkeypatch)
    with pytest.raises(ConfigError, match="not installed"):
        open_uploader(settings, choice="rust", concurrency=2, max_bytes=1024)


def test_limits_of_nothing_are_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="positive"):
        open_uploader(settings, choice="rust", concurrency=0, max_bytes=1024)


def hide_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mailvault._rust", None)
    monkeypatch.delattr("mailvault._rust", raising=False)
    monkeypatch.delitem(sys.modules, "mailvault.store.rust", raising=False)
