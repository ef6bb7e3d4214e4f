"""Media types: what the source says where it makes sense, a good guess where it does not."""

from __future__ import annotations

import mimetypes
import re

UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]{0,100}/[A-Za-z0-9][\w.+-]{0,100}(;[ -~]{0,200})?")

_COMPRESSIBLE = re.compile(
    r"text/.+|message/.+|image/(svg\+xml|bmp)|application/(.+\+)?(json|xml|javascript|rtf)"
)


def proper(given: str | None) -> str | None:
    """Return what the source gives if it has the form of a type; it is another program's text."""
    return given.strip() if given and _TYPE.fullmatch(given.strip()) else None


def media_type(given: str | None, filename: str | None) -> str:
    """Return a media type that can stand in a header: the given one, or that of the file name."""
    if (found := proper(given)) is not None:
        return found
    guessed, encoding = mimetypes.guess_type(filename or "", strict=False)
    return guessed if guessed and not encoding else UNKNOWN


def sniff(head: bytes, encoding: str = "utf-8") -> str:
    """Return the type of a body from its first bytes: HTML starts with a tag."""
    html = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"
    return f"text/{'html' if html else 'plain'}; charset={encoding}"


def is_compressible(content_type: str) -> bool:
    """Whether content of this type is text in some form, which compresses well.

    Not among them: office documents, which are archives, and PDF, pictures and sound, which are
    compressed already.
    """
    return _COMPRESSIBLE.fullmatch(content_type.partition(";")[0].strip().lower()) is not None
