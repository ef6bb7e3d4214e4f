"""Media types: what the source says where it makes sense, a good guess where it does not."""

from __future__ import annotations

import mimetypes
import re

UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]{0,100}/[A-Za-z0-9][\w.+-]{0,100}(;[ -~]{0,200})?")


def media_type(given: str | None, filename: str | None) -> str:
    """Return a media type that can stand in a header.

    What the source gives is another program's text: used if it has the form of a type, else the
    file's name decides.
    """
    if given and _TYPE.fullmatch(given.strip()):
        return given.strip()
    guessed, encoding = mimetypes.guess_type(filename or "", strict=False)
    return guessed if guessed and not encoding else UNKNOWN


def sniff(head: bytes, encoding: str = "utf-8") -> str:
    """Return the type of a body from its first bytes: HTML starts with a tag."""
    html = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"
    return f"text/{'html' if html else 'plain'}; charset={encoding}"
