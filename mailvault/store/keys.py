"""Names at the store: object keys, Content-Disposition and user metadata.

All of them are functions of the email and the part alone, or of the bytes, so a part that is
uploaded again goes where it went before. Ids and file names come from anywhere and may hold
anything.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import quote

LONGEST_ID = 200
LONGEST_NAME = 100
LONGEST_ENCODED_NAME = 2000
"""Of a header's 4 KB or so; a name that is longer is cut there, and only there."""

_LONGEST_EXTENSION = 16
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_UNQUOTABLE = re.compile(r"[^ !#-$&-\[\]-~]")  # printable ASCII without " % and \


def body_key(email_key: str, content_type: str, kind: str = "body") -> str:
    """Return the key of an email's body, `emails/<bucket>/<id>.html` or `.txt`.

    A body of another kind than `body` has it in its name, `<id>-<kind>.html`, so that two bodies
    of one email never want the same key.
    """
    suffix = "html" if content_type.strip().lower().startswith("text/html") else "txt"
    name = encoded_id(email_key) + ("" if kind == "body" else f"-{encoded_id(kind)}")
    return f"emails/{_bucket(email_key)}/{name}.{suffix}"


def attachment_key(part_key: str, filename: str | None) -> str:
    """Return the key of an attachment, `attachments/<bucket>/<id>-<file name>`.

    Two ids with dashes can meet in one key (`1-2` with `x`, and `1` with `2-x`); the uploader
    then tells the second apart by its digest, as it does all other content.
    """
    return f"attachments/{_bucket(part_key)}/{encoded_id(part_key)}-{safe_name(filename)}"


BY_CONTENT = "{sha256[0:2]}/{sha256[2:4]}/{sha256}"
"""What a part has for a key that is to be stored under its digest; no key that is made of ids and
names has a brace."""

_DIGEST = "{sha256}"


def is_of_content(key: str) -> bool:
    """Whether a key is made of the digest: `{sha256}` stands for it."""
    return _DIGEST in key


def of_content(key: str, sha256: bytes) -> str:
    """Return the key with the digest in its place; all parts that are equal go where it says.

    `{sha256[0:2]}` and `{sha256[2:4]}` stand for its first two digits and the next two.
    """
    digest = sha256.hex()
    key = key.replace(_DIGEST, digest)
    return key.replace("{sha256[0:2]}", digest[:2]).replace("{sha256[2:4]}", digest[2:4])


def with_digest(key: str, sha256: bytes) -> str:
    """Return `a/b/name.<start of digest>.ext`, where a part goes whose key holds other content."""
    folder, slash, name = key.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    return f"{folder}{slash}{stem}.{sha256.hex()[:12]}{dot}{extension}"


def encoded_id(text: str) -> str:
    """Return an id as URL-safe ASCII, other for every other id.

    An id that would not fit into a key is cut and has its digest added; it is longer than any
    that is not cut, so the two cannot meet.
    """
    if len(text) <= LONGEST_ID and text.isascii() and text.isalnum():
        return text  # nearly always, and much faster
    encoded = quote(text, safe="", errors="surrogatepass")
    if len(encoded) <= LONGEST_ID:
        return encoded
    return f"{encoded[: LONGEST_ID - 40]}~{_sha256(text)}"


def safe_name(filename: str | None) -> str:
    """Return a file name that is safe in a key, a URL and on any disk."""
    decomposed = unicodedata.normalize("NFKD", filename or "")
    letters = (letter for letter in decomposed if not unicodedata.combining(letter))
    name = _UNSAFE.sub("_", "".join(letters)).lstrip(".")
    stem, extension = _split(name)
    return (stem[: LONGEST_NAME - len(extension)] + extension) or "unnamed"


def content_disposition(filename: str | None) -> str | None:
    """Return the header that makes a browser save the object under its own name (RFC 6266).

    The whole name is in `filename*`; `filename` is for clients that do not know that form.
    """
    if not filename:
        return None
    stem, extension = _split(filename)
    encoded = quote(extension, safe="", errors="replace")
    room = LONGEST_ENCODED_NAME - len(encoded)
    while len(start := quote(stem, safe="", errors="replace")) > room:
        stem = stem[: min(len(stem) - 1, room)]
    fallback = " ".join(_UNQUOTABLE.sub("_", stem + extension).split())
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{start}{encoded}"


def metadata(email_key: str, kind: str, part_key: str) -> tuple[tuple[str, str], ...]:
    """Return the user metadata that leads from an object back to the email and the part."""
    return (
        ("mailvault-email", encoded_id(email_key)),
        ("mailvault-part", f"{encoded_id(kind)}/{encoded_id(part_key)}"),
    )


def _bucket(text: str) -> str:
    """Two hex digits that spread ids, so that no prefix of the bucket takes all requests."""
    return _sha256(text)[:2]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _split(name: str) -> tuple[str, str]:
    """Split off an extension that is one; a long tail after a dot is part of the name."""
    stem, dot, extension = name.rpartition(".")
    if stem and len(extension) <= _LONGEST_EXTENSION:
        return stem, dot + extension
    return name, ""
