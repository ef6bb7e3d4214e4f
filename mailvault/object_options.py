"""What may be asked of the store for each object beside its bytes, as the settings write it."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

_MOST_TAGS = 10
_LONGEST_NAME = 128
_LONGEST_VALUE = 256
"""Of S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html"""

_KEY_LENGTH = 32

_LOCK = re.compile(r"(?P<mode>governance|compliance) (?P<number>[1-9]\d{0,4})(?P<unit>[dy])")

_DAYS = {"d": 1, "y": 365}
_LONGEST_LOCK = 36_500
"""Days, a hundred years: whoever asks for more mistook the unit. Rust counts them in 16 bits."""


def tags(text: str) -> str:
    """Read `name=value&name=value`; return it as S3's header wants it.

    Raises:
        ValueError: It is something else, or more than S3 keeps.
    """
    if not text:
        raise ValueError("no tag is given")
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    names = {name for name, _ in pairs}
    if len(pairs) > _MOST_TAGS or len(names) < len(pairs):
        raise ValueError(f"an object has {_MOST_TAGS} tags at the most, each of another name")
    if any(
        not 0 < len(name) <= _LONGEST_NAME or len(value) > _LONGEST_VALUE for name, value in pairs
    ):
        raise ValueError(
            f"a tag's name has 1 to {_LONGEST_NAME} characters, its value {_LONGEST_VALUE}"
        )
    return urlencode(pairs)


def customer_key(text: str) -> bytes:
    """Read a key of 256 bits in base64; what was given is not repeated.

    Raises:
        ValueError: It is something else.
    """
    try:
        key = b64decode(text, validate=True)
    except Error:
        key = b""
    if len(key) != _KEY_LENGTH:
        raise ValueError("it must be 32 bytes in base64, as of: openssl rand -base64 32")
    return key


class Lock(NamedTuple):
    """How long an object can be neither deleted nor replaced, and who may do it all the same.

    Attributes:
        mode: `GOVERNANCE`, which those can lift who have the right to, or `COMPLIANCE`.
        days: From the moment in which it is stored.
    """

    mode: str
    days: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `governance 30d` or `compliance 7y`.

        Raises:
            ValueError: It is something else.
        """
        match = _LOCK.fullmatch(text.strip().lower())
        days = int(match["number"]) * _DAYS[match["unit"]] if match else 0
        if match is None or days > _LONGEST_LOCK:
            raise ValueError("it must be as in: governance 30d, compliance 7y; 100y at the most")
        return cls(match["mode"].upper(), days)
