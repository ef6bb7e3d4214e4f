"""Undoes the encodings in which applications keep bytes in text, a piece at a time."""

from __future__ import annotations

import binascii
import zlib
from typing import TYPE_CHECKING, Protocol

from mailvault.errors import BodyUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST = 8 * 1024 * 1024
"""Bytes that are made of a piece at once, however well it was compressed."""

_BLANK = b" \t\r\n"


class _Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def finish(self) -> bytes: ...


class _Base64:
    """Base64 in lines of any length (RFC 2045, 6.8); no letter is passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        data = self._rest + data.translate(None, _BLANK)
        whole = len(data) - len(data) % 4
        self._rest = data[whole:]
        if whole and self._ended:
            raise ValueError("it goes on after its end")
        self._ended = self._ended or data[:whole].endswith(b"=")
        yield binascii.a2b_base64(data[:whole], strict_mode=True)

    def finish(self) -> bytes:
        if self._rest:
            raise ValueError("its end is missing")
        return b""


class _QuotedPrintable:
    """Quoted-printable (RFC 2045, 6.7)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        if not end:  # one long line; an escape in it is not to be cut
            escape = data.rfind(b"=", max(len(data) - 2, 0))
            end = len(data) if escape < 0 else escape
        self._rest = data[end:]
        yield binascii.a2b_qp(data[:end])

    def finish(self) -> bytes:
        return binascii.a2b_qp(self._rest)


class _Gzip:
    """Gzip (RFC 1952), of one member or several."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            self._begun = True
            yield self._member.decompress(data, MOST)
            data = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> bytes:
        if not self._member.eof:
            raise ValueError("its end is missing")
        return b""


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "base64": _Base64,
    "quoted-printable": _QuotedPrintable,
    "gzip": _Gzip,
}


def decoded(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Yield the bytes that some encoded pieces of one content stand for.

    Raises:
        BodyUnreadableError: They are not of that encoding, or it is none that is known here.
    """
    if encoding is None:
        yield from pieces
        return
    make = _DECODERS.get(encoding)
    if make is None:
        known = ", ".join(("none", *_DECODERS))
        raise BodyUnreadableError(f"its encoding is {encoding!r}, which is none of {known}")
    decoder = make()
    try:
        for piece in pieces:
            yield from decoder.feed(piece)
        yield decoder.finish()
    except (ValueError, zlib.error) as error:
        raise BodyUnreadableError(f"it is not {encoding}: {error}") from None
