"""The parts of messages, compared with what the standard library's parser makes of them."""

from __future__ import annotations

import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvault.source.message import read_message
from mailvault.source.mime import MAX_DEPTH, MAX_PARTS, MessageError, parameters, parse

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOREIGN = ROOT.parent / "shared/mail"
FOREIGN_MAIL = sorted(FOREIGN.rglob("*.eml"))
READ_BETTER = {
    "content_transfer_encoding_qp_with_space.eml",  # the library leaves it encoded
    "example13.eml",  # `To   :` is a header by RFC 822, and none to the library
    "raw_email4.eml",  # never closed: the library takes the last newline off
}
OWN_MAIL = sorted((ROOT / "deploy/samples").glob("*.eml"))

names = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60
).map(str.strip).filter(bool)  # fmt: skip


def stdlib_leaves(data: bytes) -> list[tuple[str, bytes]]:
    """Type and bytes of the leaves, by other code than ours; attached messages are left out."""
    found = []
    pending = [BytesParser(policy=email.policy.compat32).parsebytes(data)]
    while pending:
        part = pending.pop(0)
        if part.get_content_maintype() == "message":
            continue
        if part.is_multipart():
            children = part.get_payload()
            assert isinstance(children, list)
            pending = [child for child in children if not isinstance(child, str)] + pending
        else:
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append((part.get_content_type(), content))
    return found


@pytest.mark.skipif(not FOREIGN_MAIL, reason="../shared/mail is not there")
@pytest.mark.parametrize(
    "path",
    [path for path in FOREIGN_MAIL if path.name not in READ_BETTER],
    ids=lambda path: path.name,
)
def test_the_parts_of_real_mail_are_those_that_the_standard_library_finds(path: Path) -> None:
    ours = [
        (part.media_type, part.content())
        for part in parse(path.read_bytes()).leaves()
        if not part.media_type.startswith("message/")
    ]
    assert ours == stdlib_leaves(path.read_bytes())


@pytest.mark.parametrize("path", OWN_MAIL, ids=lambda path: path.name)
def test_the_samples_are_read_as_the_standard_library_reads_them(path: Path) -> None:
    ours = [part.content() for part in parse(path.read_bytes()).leaves()
            if not part.media_type.startswith("message/")]  # fmt: skip
    assert ours == [content for _, content in stdlib_leaves(path.read_bytes())]


@given(
    files=st.lists(st.tuples(names, st.binary(max_size=2000)), max_size=4),
    subject=names,
    text=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300),
)
def test_what_the_standard_library_writes_is_read_back(
    files: list[tuple[str, bytes]], subject: str, text: str
) -> None:
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = subject
    message.set_content(f"{text}\n", cte="base64")
    message.add_alternative(f"<p>{text}</p>\n", subtype="html", cte="quoted-printable")
    for name, content in files:
        message.add_attachment(content, "image", "png", filename=name)
    read = read_message(message.as_bytes(), NOW)
    assert read.subject == subject
    assert (read.body or "").splitlines() == f"<p>{text}</p>".splitlines()
    found = [(file.filename, file.part.content()) for file in read.attachments]
    assert found == files


@given(data=st.binary(max_size=400), head=st.sampled_from([b"", b"A: b\n", b"Subject: "]))
def test_no_bytes_at_all_break_it(data: bytes, head: bytes) -> None:
    try:
        message = read_message(head + data, NOW)
    except MessageError:
        return
    text = "".join(filter(None, message[:4]))
    assert "\0" not in text
    text.encode()
    for file in message.attachments:
        file.part.content()
        file.filename.encode()


PIECES = [
    b"--b\n", b"--b--\n", b"\n", b"Content-Type: multipart/mixed; boundary=b\n", b"--c\n",
    b"Content-Type: multipart/alternative; boundary=c\n", b"Content-Type: text/html\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: x-uuencode\n",
    b"begin 644 a\n", b"#0V%T\n", b"end\n", b"QUJD\n", b"=?utf-8?q?=E9?=", b"Subject: x\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%41; filename*1=b\n", b"\xff\x00",
    b"Content-Type: text/plain; charset=utf-7\n", b"+2AA-", b"Content-Type: message/rfc822\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_no_heap_of_fragments_breaks_it(pieces: list[bytes]) -> None:
    test_no_bytes_at_all_break_it.hypothesis.inner_test(b"".join(pieces), b"A: b\n")  # type: ignore[attr-defined]


def test_an_attached_message_stays_as_it_was() -> None:
    inner = b"Subject:  odd   spacing\r\nX-Folded: a\r\n\tb\r\n\r\nFrom here\r\n--not\r\n\r\n"
    outer = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
    )
    (attachment,) = read_message(outer, NOW).attachments
    assert attachment.part.content() == inner
    assert attachment.filename == "part-1.eml"


def test_an_invitation_beside_the_body_stays_and_its_other_texts_go() -> None:
    data = (ROOT / "deploy/samples/09-invitation.eml").read_bytes()
    message = read_message(data, NOW)
    assert message.body == "<p>Review on <i>Friday</i> at ten.</p>"
    assert [file.part.media_type for file in message.attachments] == ["text/calendar"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a; name=plain", "plain"),
        ('a; name="with; semicolon"', "with; semicolon"),
        (r'a; name="a \"quoted\" C:\dir"', r'a "quoted" C:\dir'),
        ("a; name*=utf-8'de'%C3%BC.txt", "ü.txt"),
        ("a; name*0*=iso-8859-1''%FC; name*1=ber.txt", "über.txt"),
        ("a; name*1=b; name*0=a", "ab"),
        ("a; NAME = spaced ; x=y", "spaced"),
        ("a; name=fallback; name*=utf-8''%C3%A9", "é"),
        ("a; name*=utf-8", "utf-8"),
    ],
)
def test_parameters(header: str, expected: str) -> None:
    assert parameters(header)["name"] == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"%PDF-1.4\nnot mail\n", "does not begin with a header"),
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * MAX_PARTS,
            "more than 1,000 parts",
        ),
        (
            b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
                for level in range(MAX_DEPTH)
            )
            + b"x",
            "nested more than 30 levels",
        ),
        (b"A: " + b"b" * 1024**2, "bytes of headers"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        read_message(data, NOW)
