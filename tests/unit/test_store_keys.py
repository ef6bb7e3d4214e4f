"""Names at the store are safe, the same each time, and other for every other id."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvault.store import keys

anything = st.text(st.characters(), max_size=400)
SAFE_KEY = re.compile(r"(?:[A-Za-z0-9._~%-]+/){2}[A-Za-z0-9._~%-]+")


@pytest.mark.parametrize(
    ("key", "content_type", "expected"),
    [
        ("17", "text/html", "emails/45/17.html"),
        ("17", "Text/HTML; charset=utf-8", "emails/45/17.html"),
        ("17", "text/plain", "emails/45/17.txt"),
        ("a/b c", "text/html", "emails/0a/a%2Fb%20c.html"),
    ],
)
def test_a_body_goes_by_its_email(key: str, content_type: str, expected: str) -> None:
    assert keys.body_key(key, content_type) == expected
    assert keys.body_key(key, content_type, "body") == expected


def test_a_second_body_of_an_email_has_a_key_of_its_own() -> None:
    assert keys.body_key("17", "text/html", "reply") == "emails/45/17-reply.html"
    assert keys.body_key("17", "text/plain", "ä/b") == "emails/45/17-%C3%A4%2Fb.txt"


@given(anything, anything, anything)
def test_bodies_of_one_email_differ_where_kinds_do(key: str, one: str, other: str) -> None:
    named = [keys.body_key(key, "text/html", kind) for kind in (one, other)]
    assert (named[0] == named[1]) == (one == other)
    assert all(SAFE_KEY.fullmatch(name) and len(name) <= 800 for name in named)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht Q1.xlsx", "Ubersicht_Q1.xlsx"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("日本.pdf", "__.pdf"),
        (".htaccess", "htaccess"),
        ("...", "unnamed"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("a" * 300 + ".pdf", "a" * 96 + ".pdf"),
        ("a" * 300 + "." + "b" * 300, "a" * 100),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_a_file_name_is_made_safe(filename: str | None, expected: str) -> None:
    assert keys.safe_name(filename) == expected
    assert keys.attachment_key("9", filename) == f"attachments/19/9-{expected}"


@given(anything, anything)
def test_keys_are_safe_and_fit(key: str, filename: str) -> None:
    for name in (keys.body_key(key, filename), keys.attachment_key(key, filename)):
        assert SAFE_KEY.fullmatch(name)
        assert len(name) <= 400
        assert not {".", ".."}.intersection(name.split("/"))
    assert keys.attachment_key(key, filename) == keys.attachment_key(key, filename)


@given(anything, anything, anything)
def test_keys_differ_where_ids_do(one: str, other: str, filename: str) -> None:
    same = one == other
    assert (keys.encoded_id(one) == keys.encoded_id(other)) == same
    assert (keys.body_key(one, "text/html") == keys.body_key(other, "text/html")) == same
    assert (keys.attachment_key(one, filename) == keys.attachment_key(other, filename)) == same


def test_a_cut_id_cannot_be_had_by_another() -> None:
    cut = keys.encoded_id("x" * 500)
    assert keys.encoded_id(cut) != cut
    assert keys.encoded_id("x" * 501) != cut


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a/b/name.ext", "a/b/name.ba7816bf8f01.ext"),
        ("name.tar.gz", "name.tar.ba7816bf8f01.gz"),
        ("a.b/name", "a.b/name.ba7816bf8f01"),
        ("a/.name", "a/.name.ba7816bf8f01"),
        ("name.", "name.ba7816bf8f01."),
    ],
)
def test_the_digest_goes_before_the_suffix_as_in_the_extension(key: str, expected: str) -> None:
    assert keys.with_digest(key, bytes.fromhex("ba7816bf8f01" + 26 * "00")) == expected


@given(anything)
def test_a_disposition_is_one_safe_header(filename: str) -> None:
    header = keys.content_disposition(filename)
    if header is None:
        assert not filename
        return
    assert re.fullmatch(
        r"attachment; filename=\"[ !#-$&-\[\]-~]*\"; filename\*=UTF-8''[A-Za-z0-9._~%-]*", header
    )
    assert len(header) < 4096


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=150))
def test_a_disposition_keeps_the_whole_name(filename: str) -> None:
    header = keys.content_disposition(filename)
    assert header is not None
    assert unquote(header.partition("UTF-8''")[2]) == filename


def test_a_name_that_is_too_long_keeps_its_extension() -> None:
    header = keys.content_disposition("ä" * 10_000 + ".pdf")
    assert header is not None
    assert header.endswith("%C3%A4.pdf")
    assert len(header) < 4096
    assert keys.content_disposition(None) is None
    assert keys.content_disposition("") is None


@given(anything, anything, anything)
def test_metadata_is_short_ascii(email: str, kind: str, part: str) -> None:
    metadata = dict(keys.metadata(email, kind, part))
    assert metadata.keys() == {"mailvault-email", "mailvault-part"}
    assert all(re.fullmatch(r"[A-Za-z0-9._~%/-]*", value) for value in metadata.values())
    assert sum(map(len, metadata.values())) < 1000


def test_metadata_leads_back() -> None:
    assert dict(keys.metadata("a b", "body", "ü/1")) == {
        "mailvault-email": "a%20b",
        "mailvault-part": "body/%C3%BC%2F1",
    }
