"""One message as the quick-start tables keep it: a row, a body, and files."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from mailvault.source.mime import Part, parse
from mailvault.source.mime_text import decode_words, storable, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY_BYTES = 16 * 1024**2
"""A longer text is a file: nobody reads it, and as a string it takes many times that."""

_READABLE = ("text/html", "text/plain", "text/enriched", "text/richtext", "text/x-amp-html")
_EXTENSIONS = {
    "image/jpg": ".jpg",
    "message/global": ".eml",
    "message/rfc822": ".eml",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that becomes a file."""

    part: Part
    number: int

    @property
    def extension(self) -> str:
        """Ours, by the type; never the mail's."""
        kind = self.part.media_type
        if kind.startswith(("message/", "multipart/")):
            return _EXTENSIONS.get(kind, ".txt")
        return _EXTENSIONS.get(kind) or mimetypes.guess_extension(kind) or ".bin"

    @property
    def filename(self) -> str:
        """The mail's name for it, or one that we make."""
        return storable(self.part.filename or f"part-{self.number}{self.extension}")


class Message(NamedTuple):
    """What is stored of one message; None where it says nothing."""

    subject: str | None
    sender: str | None
    recipients: str | None
    body: str | None
    received_at: datetime
    attachments: list[Attachment]


def read_message(data: bytes, fallback: datetime) -> Message:
    """Take a message apart.

    Args:
        data: The whole message.
        fallback: When it was received, where it does not say so itself.

    Raises:
        MessageError: It is empty, no message, or beyond the limits.
    """
    root = parse(data)
    leaves = list(root.leaves())
    body = _body(root, leaves)
    left_out = {body, *_alternatives(root, body)} if body else set()
    attachments = [
        Attachment(part, number)
        for number, part in enumerate(leaves, start=1)
        if part not in left_out
    ]
    return Message(
        subject=_text(root, "subject"),
        sender=_text(root, "from", "sender"),
        recipients=_recipients(root),
        body=to_text(body.content(), body.charset) if body else None,
        received_at=_received_at(root) or fallback,
        attachments=attachments,
    )


def _text(part: Part, *names: str) -> str | None:
    values = (part.header(name) for name in names)
    value = next((value for value in values if value is not None), None)
    return None if value is None else storable(decode_words(value))


def _recipients(root: Part) -> str | None:
    values = [_text(root, name) for name in ("to", "cc", "bcc")]
    return ", ".join(filter(None, values)) or None


def _body(root: Part, leaves: list[Part]) -> Part | None:
    """Choose the richest text that is not meant to be a file."""
    texts = [
        part
        for part in leaves
        if part.disposition != "attachment"
        and (part is root or not part.filename)
        and part.end - part.start <= MAX_BODY_BYTES
    ]
    for wanted in ("text/html", "text/plain"):
        for part in texts:
            if _readable_type(part) == wanted:
                return part
    return None


def _readable_type(part: Part) -> str:
    """Return the type, where a multipart without any parts counts as the text that it is."""
    return "text/plain" if part.media_type.startswith("multipart/") else part.media_type


def _alternatives(root: Part, body: Part) -> Iterator[Part]:
    """Yield the other versions of the body's text; pictures and invitations among them stay."""
    ancestry = _ancestry(root, body)
    for part in ancestry:
        if part.media_type == "multipart/alternative":
            others = (child for child in part.children if child not in ancestry)
            yield from (leaf for child in others for leaf in child.leaves() if _is_version(leaf))


def _ancestry(part: Part, body: Part) -> list[Part]:
    """Return the parts from this one down to the body, or none if it is elsewhere."""
    if part is body:
        return [part]
    for child in part.children:
        if found := _ancestry(child, body):
            return [part, *found]
    return []


def _is_version(leaf: Part) -> bool:
    named = leaf.filename or leaf.disposition == "attachment"
    return not named and _readable_type(leaf) in _READABLE


def _received_at(root: Part) -> datetime | None:
    """Return when the message was sent, or received first, if it says so credibly."""
    for name in ("date", "received"):
        value = (root.header(name) or "")[-200:]
        try:
            found = parsedate_to_datetime(value.rpartition(";")[2])
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if 1900 < found.year < 2100:
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
