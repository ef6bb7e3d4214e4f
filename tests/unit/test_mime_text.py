"""Text out of charsets and transfer encodings, honest and not."""

from __future__ import annotations

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvault.source.mime_text import decode_transfer, decode_words, from_base64, to_text


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("ISO-2022-JP", "iso2022_jp", "会議"),
        ("Shift_JIS", "cp932", "①あいう"),
        ("ks_c_5601-1987", "cp949", "스티해"),
        ("EUC-KR", "euc_kr", "한국"),
        ("gb2312", "gb18030", "镕"),
        ("big5", "big5hkscs", "繁體"),
        ("x-mac-roman", "mac_roman", "é"),
        ("iso-8859-1", "cp1252", "“quoted”"),
        ("iso-8859-8-i", "iso8859_8", "שלום"),
        ('"utf-8"', "utf-8", "é"),
        ("us-ascii", "utf-8", "é"),
        ("unknown-8bit", "cp1252", "é"),
        ("X-UNKNOWN", "utf-8", "é"),
        ("punycode", "utf-8", "é"),
        ("zlib", "utf-8", "é"),
        (None, "utf-8", "é"),
    ],
)
def test_charsets(charset: str | None, codec: str, text: str) -> None:
    assert to_text(text.encode(codec), charset) == text


@given(st.binary(max_size=200), st.text(max_size=20) | st.sampled_from(["utf-7", "utf-16", "hz"]))
def test_text_is_always_storable(data: bytes, charset: str) -> None:
    text = to_text(data, charset)
    text.encode()
    assert "\0" not in text


def test_nul_becomes_visible() -> None:
    assert to_text(b"a\0b") == "a\ufffdb"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?Q?J=C3=B6rn?= is here", "Jörn is here"),
        ("=?utf-8?B?bmHDr3Y=?= =?utf-8?B?w6k=?=", "naïvé"),
        ("=?utf-8?B?bmHDr3bD?= =?utf-8?B?qQ==?=", "naïvé"),
        ("=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?=", "aé"),
        ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        ("=?utf-8*en?q?under_score?=", "under score"),
        ("=?utf-8?Q?really??=", "really?"),
        ('"=?utf-8?Q?J=C3=B6rn?=" <a@b>', '"Jörn" <a@b>'),
        ("=?utf-8?Q?never closed", "=?utf-8?Q?never closed"),
        ("=?no-such?Q?=E9?=", "é"),
    ],
)
def test_encoded_words(header: str, text: str) -> None:
    assert decode_words(header) == text


@given(st.binary(max_size=300))
def test_base64_survives_what_mail_does_to_it(data: bytes) -> None:
    clean = base64.encodebytes(data)
    assert from_base64(clean) == data
    assert from_base64(clean.replace(b"=", b"")) == data
    assert from_base64(clean.replace(b"\n", b"\r\n> ")) == data


@given(st.binary(max_size=300))
def test_transfer_encodings(data: bytes) -> None:
    uu = uuencoded(data)
    assert decode_transfer(memoryview(uu), "X-UUencode") == data
    quoted = quopri.encodestring(data.replace(b"\r", b"").replace(b"\n", b""), quotetabs=True)
    for name in ("Quoted-Printable", "quoted printable", "QUOTED-PRINTABLE;"):
        expected = data.replace(b"\r", b"").replace(b"\n", b"")
        assert decode_transfer(memoryview(quoted), name) == expected
    for name in ("7bit", "7-bit", "binary", "", "nonsense"):
        assert decode_transfer(memoryview(data), name) == data


def uuencoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"see below\nbegin 644 a.bin\n" + b"".join(lines) + b"`\nend\nafter\n"
