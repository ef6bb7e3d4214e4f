"""The parts of a message, found in its bytes at a cost that hostile mail cannot raise.

The standard library's parser goes line by line, into attached messages too, and takes several
times the message's size in memory; an attached message comes out of it rewritten. This one looks
for boundaries only, keeps positions instead of copies, and leaves attached messages whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from mailvault.errors import MailvaultError
from mailvault.source.mime_text import decode_transfer, decode_words, header_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PARTS = 1000
MAX_DEPTH = 30
MAX_HEADER_BYTES = 512 * 1024
MAX_BOUNDARY = 200
MAX_SCANNED = 384 * 1024**2
"""Bytes looked through for boundaries, each level anew: a second's work."""

_START = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*")
_HEADER_LINE = re.compile(rb"(?:([!-9;-~]+)[ \t]*:|[ \t]|>?From )([^\n]*\n?)")
_BLANK_LINE = re.compile(rb"\r?\n")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_PARAMETER = re.compile(
    r';\s*([^\s=;"*]+)(\*\d{1,4})?(\*)?\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|([^;]*))'
)
_ESCAPED = re.compile(r'\\(["\\])')


class MessageError(MailvaultError):
    """One message cannot be imported; the text says why."""


Headers = dict[str, list[bytearray]]


@dataclass(eq=False)
class Part:
    """A part of a message: its headers, and its children or where its own content lies."""

    data: bytes = field(repr=False)
    headers: Headers
    start: int
    end: int
    default_type: str = "text/plain"
    children: list[Part] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """Return the first header of that name, unfolded, its encoded words as they are."""
        values = self.headers.get(name)
        return header_text(values[0]) if values else None

    @cached_property
    def media_type(self) -> str:
        """The type in small letters; nonsense means plain text, as RFC 2045 has it."""
        given = self.header("content-type")
        if not given:
            return self.default_type
        found = _MEDIA_TYPE.match(given)
        return found[0].lower() if found else "text/plain"

    @property
    def charset(self) -> str | None:
        """The charset that the part claims."""
        return parameters(self.header("content-type")).get("charset")

    @property
    def disposition(self) -> str:
        """`attachment`, `inline`, or nothing."""
        return (self.header("content-disposition") or "").partition(";")[0].strip().lower()

    @cached_property
    def filename(self) -> str | None:
        """The whole name that the mail gives, decoded; never to be used as a path."""
        name = parameters(self.header("content-disposition")).get("filename")
        name = name or parameters(self.header("content-type")).get("name")
        return decode_words(name) if name else None

    def content(self) -> bytes:
        """Return the bytes, decoded from the transfer encoding."""
        encoding = self.header("content-transfer-encoding") or ""
        return decode_transfer(memoryview(self.data)[self.start : self.end], encoding)

    def leaves(self) -> Iterator[Part]:
        """Yield the parts that have content, in order."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def parameters(value: str | None) -> dict[str, str]:
    """Read what follows the first `;` of a header, RFC 2231's pieces and charsets included."""
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, number, star, quoted, bare in _PARAMETER.findall(value or ""):
        text = _ESCAPED.sub(r"\1", quoted) if quoted else bare.strip()
        numbered = pieces.setdefault(name.lower(), {})
        index = int(number[1:] or 0)
        if star or index not in numbered:
            numbered[index] = (text, bool(star))
    return {
        name: _join([numbered[i] for i in sorted(numbered)]) for name, numbered in pieces.items()
    }


def _join(pieces: list[tuple[str, bool]]) -> str:
    if not any(extended for _, extended in pieces):
        return "".join(text for text, _ in pieces)
    first, extended = pieces[0]
    charset, language, rest = first.split("'", 2) if first.count("'") > 1 else ("", "", first)
    del language
    raw = [
        unquote_to_bytes(text) if extended else text.encode()
        for text, extended in [(rest, extended), *pieces[1:]]
    ]
    return to_text(b"".join(raw), charset)


def parse(data: bytes) -> Part:
    """Find the parts of a message.

    Raises:
        MessageError: It is empty, is no message, or has more parts, levels or headers than any
            honest one.
    """
    if not data.strip():
        raise MessageError("empty")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    start = _START.match(data).end()  # type: ignore[union-attr]  # it matches nothing, too
    root = _Splitter(data).part(start, len(data))
    if not root.headers:
        raise MessageError("it does not begin with a header, so it is not a message")
    return root


class _Splitter:
    """One message being taken apart, and what it has cost so far."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = 0
        self._header_bytes = 0
        self._scanned = 0

    def part(self, start: int, end: int, depth: int = 1, default_type: str = "text/plain") -> Part:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MessageError(f"more than {MAX_PARTS:,} parts")
        if depth > MAX_DEPTH:
            raise MessageError(f"parts nested more than {MAX_DEPTH} levels deep")
        headers, body = self._headers(start, end)
        part = Part(self._data, headers, body, end, default_type)
        if part.media_type.startswith("multipart/"):
            digest = part.media_type == "multipart/digest"
            child_type = "message/rfc822" if digest else "text/plain"
            part.children = [self.part(*span, depth + 1, child_type) for span in self._spans(part)]
        return part

    def _headers(self, start: int, end: int) -> tuple[Headers, int]:
        """Read headers up to the blank line, or to the first line that cannot be one."""
        headers: Headers = {}
        lines: list[bytearray] = []
        budget = MAX_HEADER_BYTES - self._header_bytes
        position = start
        while line := _HEADER_LINE.match(self._data, position, end):
            position = line.end()
            if position - start > budget:
                raise MessageError(f"more than {MAX_HEADER_BYTES:,} bytes of headers")
            if line[1]:
                lines = headers.setdefault(line[1].decode().lower(), [])
                lines.append(bytearray(line[2]))
            elif lines and line[0][:1] in b" \t":
                lines[-1] += line[0]
        self._header_bytes += position - start
        blank = _BLANK_LINE.match(self._data, position, end)
        return headers, blank.end() if blank else position

    def _spans(self, part: Part) -> Iterator[tuple[int, int]]:
        """Yield where the children lie; the newline before a boundary belongs to the boundary."""
        boundary = parameters(part.header("content-type")).get("boundary", "").encode()
        if not 0 < len(boundary) <= MAX_BOUNDARY:
            return
        self._scanned += part.end - part.start
        if self._scanned > MAX_SCANNED:
            raise MessageError("parts nested too deep for their size")
        delimiter = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=(\r?\n|\r?\Z))")
        begin = None
        for found in delimiter.finditer(self._data, max(part.start - 1, 0), part.end):
            if begin is not None and begin < found.start():
                yield begin, found.start() - (self._data[found.start() - 1] == ord("\r"))
            begin = found.end(2)
            if found[1]:
                return
        if begin is not None and begin < part.end:
            yield begin, part.end
