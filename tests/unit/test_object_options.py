"""What is asked of the store for each object, as the settings write it."""

from __future__ import annotations

import base64

import pytest

from mailvault.config import load_settings
from mailvault.errors import ConfigError
from mailvault.object_options import Lock, customer_key, tags
from mailvault.store.object_headers import object_headers


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("team=mail", "team=mail"),
        ("team=mail&keep=7 years", "team=mail&keep=7+years"),
        ("a%26b=%3D", "a%26b=%3D"),
        ("empty=", "empty="),
        ("&".join(f"{number}=x" for number in range(10)),) * 2,
    ],
)
def test_tags_are_written_as_s3_reads_them(text: str, header: str) -> None:
    assert tags(text) == header


@pytest.mark.parametrize(
    "text",
    ["", "team", "=mail", "a=1&a=2", "&".join(f"{number}=x" for number in range(11)),
     "n" * 129 + "=x", "n=" + "x" * 257],
)  # fmt: skip
def test_what_s3_would_not_keep_is_no_tag(text: str) -> None:
    with pytest.raises(ValueError, match=r"tag|bad query field"):
        tags(text)


def test_a_key_is_32_bytes_and_is_not_repeated() -> None:
    assert customer_key(base64.b64encode(b"k" * 32).decode()) == b"k" * 32
    for wrong in ("", "secret!", base64.b64encode(b"k" * 31).decode()):
        with pytest.raises(ValueError, match="32 bytes") as raised:
            customer_key(wrong)
        assert not wrong or wrong not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "lock"),
    [
        ("governance 30d", ("GOVERNANCE", 30)),
        (" Compliance 7Y ", ("COMPLIANCE", 7 * 365)),
    ],
)
def test_a_lock_has_a_mode_and_an_end(text: str, lock: tuple[str, int]) -> None:
    assert Lock.parse(text) == lock


@pytest.mark.parametrize(
    "text",
    ["", "30d", "governance", "governance 0d", "legal 3d", "compliance 3w", "governance 101y"],
)
def test_a_lock_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="governance 30d"):
        Lock.parse(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("s3_tags", "team"),
        ("s3_object_lock", "for ever"),
        ("s3_storage_class", "very cold"),
        ("s3_sse_customer_key", "c2VjcmV0"),
    ],
)
def test_the_setting_that_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name.upper()) as raised:
        load_settings(**{name: value})
    assert "c2VjcmV0" not in str(raised.value)


def test_a_key_of_ours_must_be_given() -> None:
    with pytest.raises(ConfigError, match="S3_SSE_CUSTOMER_KEY is not set"):
        object_headers(load_settings(s3_sse="sse-c"))
