"""What the shapes of values tell."""

from __future__ import annotations

import re
from os.path import commonpath
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mailvault.source.detect.samples import LOOKED_AT, Found

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_HEADERS = re.compile(
    r"(From |(Received|Return-Path|Delivered-To|Message-ID|MIME-Version|From|Date|Subject|To|"
    r"DKIM-Signature|Content-Type|X-[\w-]+):)", re.IGNORECASE,
)  # fmt: skip
_HTML = re.compile(r"\s*<(!doctype html|html|head|body|div|p|table|br|span|meta)\b", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_QUOTED = re.compile(r"=[0-9A-F]{2}|[^=]=\r?\n")
_FILE = re.compile(r"[^\n\x00]*[^\n\x00/]")
_ENDING = re.compile(r"\.\w{1,8}$")
_GZIP = b"\x1f\x8b"

TELLING = 24
"""Characters: a word of four letters is base64 too."""

ENCODINGS = {"base64", "quoted-printable", "gzip", "none"}


def addresses(values: Sequence[str]) -> Found:
    """Return how many have an address in them."""
    return Found(sum(bool(_ADDRESS.search(value)) for value in values), len(values))


def mail(values: Sequence[str | bytes]) -> Found:
    """Return how many are raw mail, or HTML."""
    texts = [_text(value) for value in values]
    return Found(
        sum(bool(_HEADERS.match(text) or _HTML.match(text)) for text in texts), len(texts)
    )


def paths(values: Sequence[str]) -> Found:
    """Return how many look like the path of a file."""
    return Found(sum(_is_path(value) for value in values), len(values))


def common_directory(values: Sequence[str]) -> str | None:
    """Return the directory that all begin with, if all begin at the root."""
    if not values or not all(value.startswith("/") for value in values):
        return None
    found = commonpath([PurePosixPath(value).parent for value in values])
    return None if found == "/" else found + "/"


def encoding(values: Sequence[str | bytes]) -> tuple[str, Found] | None:
    """Return how values seem to be encoded, if at all."""
    given = [value for value in values if value]
    if not given:
        return None
    for name, is_so in (("gzip", _is_gzip), ("base64", _is_base64)):
        if all(map(is_so, given)) and max(map(len, given)) >= TELLING:
            return name, Found(len(given), len(given))
    quoted = Found(sum(bool(_QUOTED.search(_text(value))) for value in given), len(given))
    return ("quoted-printable", quoted) if quoted.found > 0.5 * quoted.sampled else None


def are_encodings(values: Sequence[str]) -> bool:
    """Whether all are names of encodings that a mapping knows."""
    return bool(values) and set(values) <= ENCODINGS


def _is_path(value: str) -> bool:
    is_one = "://" not in value and bool(_FILE.fullmatch(value))
    return is_one and ("/" in value or bool(_ENDING.search(value)))


def _is_gzip(value: str | bytes) -> bool:
    return isinstance(value, bytes) and value.startswith(_GZIP)


def _is_base64(value: str | bytes) -> bool:
    text = "".join(_text(value).split("\n")).replace("\r", "")
    is_whole = len(value) < LOOKED_AT
    return bool(_BASE64.fullmatch(text)) and not (is_whole and len(text) % 4)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
