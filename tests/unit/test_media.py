"""What is compressed: text in some form, by its media type."""

from __future__ import annotations

import pytest

from mailvault.source.media import is_compressible


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/html; charset=utf-8", True),
        ("Text/Plain", True),
        ("text/calendar;method=REQUEST", True),
        ("message/rfc822", True),
        ("application/json", True),
        ("application/ld+json", True),
        ("application/xml", True),
        ("application/atom+xml", True),
        ("application/javascript", True),
        ("application/rtf", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("image/jpeg", False),
        ("application/pdf", False),
        ("application/zip", False),
        ("application/gzip", False),
        ("application/octet-stream", False),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", False),
        ("application/xmlrpc", False),
        ("video/mp4; note=text/plain", False),
    ],
)
def test_text_is_compressible(content_type: str, *, expected: bool) -> None:
    assert is_compressible(content_type) == expected
