"""What names and shapes of values say to `init --detect`."""

from __future__ import annotations

import base64
import gzip
import quopri

import pytest

from mailvault.source.detect import shapes, words
from mailvault.source.detect.samples import LOOKED_AT
from mailvault.source.detect.tables import Column

TIME = "timestamp without time zone"


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("bodyHtml", "text", "body"),
        ("a_body", "character varying", "body"),
        ("rawtxt", "bytea", "body"),
        ("body_size", "text", "size"),
        ("body_preview", "text", "other"),
        ("html_path", "text", "path"),
        ("body_s3_path", "text", "remote"),
        ("store_fname", "text", "path"),
        ("file_dir", "text", "directory"),
        ("Message-ID", "text", "message_id"),
        ("message_id", "bigint", None),
        ("content_type", "text", "content_type"),
        ("contentencoding", "text", "encoding"),
        ("from", "text", "sender"),
        ("platform", "text", None),
        ("file", "bytea", "data"),
        ("sha256", "bytea", None),
        ("raw", "oid", "body"),
        ("title", "text", "name"),
        ("mime_subtype", "text", "other"),
        ("document", "text", "path"),
    ],
)
def test_a_column_is_what_its_name_and_type_say(name: str, kind: str, expected: str) -> None:
    assert words.role(Column(name, kind, None)) == expected


def test_a_short_column_is_no_body() -> None:
    assert words.role(Column("body", "character varying", 255)) is None


def test_the_time_that_mail_came_is_nearer_than_when_its_row_was_made() -> None:
    names = ["received_at", "sentAt", "date", "created", "updated_at", "validated"]
    ranks = [words.received_rank(Column(name, TIME, None)) for name in names]
    assert ranks == [0, 2, 3, 4, None, None]


@pytest.mark.parametrize("column", ["message_id", "messageid", "emailUuid", "Mail", "mail_item"])
def test_columns_that_are_named_like_a_link(column: str) -> None:
    assert words.leads_to(column, "mail_items", words.MAIL)


@pytest.mark.parametrize("column", ["id", "user_id", "key", "mailbox_size"])
def test_columns_that_are_not(column: str) -> None:
    assert not words.leads_to(column, "mail_items", words.MAIL)


def test_tables_are_what_their_names_say() -> None:
    assert words.is_files("django_mailbox_messageattachment")
    assert not words.is_files("user_profile")
    assert words.is_other("EmailTemplates")
    assert words.is_other("post_office_emailtemplate")
    assert not words.is_other("archived_emails")


LINES = base64.encodebytes(b"x" * 500).decode()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["AAAA", LINES[:LOOKED_AT]], "base64"),
        ([base64.b64encode(b"one longer than words are")], "base64"),
        (["word", "body"], None),
        ([LINES, "not at all"], None),
        ([gzip.compress(b"a" * 99)], "gzip"),
        ([quopri.encodestring("Grüße".encode()).decode()], "quoted-printable"),
        (["<p>one</p>", "two"], None),
        ([], None),
    ],
)
def test_encodings_are_seen_in_values(values: list[str | bytes], expected: str | None) -> None:
    seen = shapes.encoding(values)
    assert (seen[0] if seen else None) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a/b/c", True), ("report.pdf", True), ("/abs/olute", True), ("a word", False),
        ("https://example.org/a.pdf", False), ("folder/", False), ("two\nlines.txt", False),
    ],
)  # fmt: skip
def test_paths_are_known_by_their_looks(value: str, *, expected: bool) -> None:
    assert shapes.paths([value]).found == expected


def test_a_directory_that_all_are_in_is_found() -> None:
    assert shapes.common_directory(["/srv/a/1", "/srv/b/2"]) == "/srv/"
    assert shapes.common_directory(["/a/1", "/b/2"]) is None
    assert shapes.common_directory(["a/1", "a/2"]) is None
    assert shapes.common_directory([]) is None
