"""What names of tables and columns mean, in the words that applications use for mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailvault.source.detect.tables import Column

# The first that fits is what a text column is: `body_size` is a size, `html_path` a path.
_ROLES = [
    ("message_id", r"message_?id|msg_?id"),
    ("content_type", r"mime_?type|content_?type|media_?type|(^|_)mime$"),
    ("encoding", r"encoding"),
    ("digest", r"(^|_)(sha_?\d*|md5|checksum|digest|hash)(_|$)|sha(1|256|512)"),
    ("size", r"(^|_)(size|bytes|length|filesize)(_|$)|byte_?size"),
    ("filename", r"file_?name|original_?name|attachment_?name|display_?name"),
    ("remote", r"(^|_)(s3|gcs|bucket|url|object)(_|$)|object_?key"),
    ("path", r"path|location|(^|_)(uri|fname|file|document|attachment)$"),
    ("path", r"(storage|store|disk|file)_?(key|name|as)"),
    ("other", r"(^|_)(type|subtype|status|state|kind|id|by|error|charset|lang|language)$"),
    ("other", r"(^|_)(preview|snippet|excerpt|summary)$"),
    ("directory", r"(^|_)(dir|directory|folder)$"),
    ("subject", r"subject"),
    ("sender", r"(^|_)(from|sender|mail_?from)(_|$)|^from(addr|address|email)"),
    ("recipients", r"(^|_)(to|cc|bcc|recipients?|rcpt|rcptto)(_|$)|^to(addr|address|email)"),
    ("headers", r"headers?(_|$)"),
    ("body", r"body|html|mime|eml|rfc_?822|(^|_)raw|content|message"),
    ("body", r"(^|_)(text|plain|source|payload)(_|$)"),
    ("name", r"(^|_)(name|title)$"),
    ("data", r"(^|_)(data|blob|base64|b64|binary|bytes)(_|$)"),
]  # fmt: skip
_COMPILED = [(role, re.compile(pattern)) for role, pattern in _ROLES]

_STRONG = re.compile(r"body|html|mime|eml|rfc_?822|(^|_)raw")
_FAIR = re.compile(r"(^|_)(text|plain)(_|$)|^(content|message)$")
_RECEIVED = [
    re.compile(pattern)
    for pattern in (
        "received",
        "deliver|arriv",
        "(^|_)sent",
        "(^|_)date",
        "creat|insert",
        "(^|_)time",
    )
]
_FLAG = re.compile(r"(^|_)(is_)?(deleted|spam|trash|trashed|junk|draft|removed)(_|$)")
_KEYLIKE = {"id", "key", "fk", "ref", "uuid", "no", "number", "pk"}

MAIL = {"mail", "email", "message", "msg", "letter", "inbox"}
FILE = {"attachment", "file", "blob", "document", "upload", "media", "enclosure", "part"}
_NOT_MAIL = {
    "template", "setting", "config", "log", "error", "account", "folder", "label", "tag", "user",
    "alias", "rule", "thumbnail", "migration", "session", "event", "notification", "token",
}  # fmt: skip

SHORT = 1_000
"""Characters: what can have no more is not the column of a body."""


def snake(name: str) -> str:
    """Return a name in lower case, its words apart by underlines."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", apart.lower()).strip("_")


def words(name: str) -> set[str]:
    """Return the words of a name, each in the singular."""
    return {_singular(word) for word in snake(name).split("_") if word}


def is_mail(name: str) -> bool:
    """Whether a table's name says that there is mail in it."""
    return bool(MAIL & words(name))


def is_files(name: str) -> bool:
    """Whether a table's name says that there are files in it."""
    return any(word in FILE or word.endswith("attachment") for word in words(name))


def is_other(name: str) -> bool:
    """Whether a table's name says that it is about mail, and not mail."""
    return any(
        word in _NOT_MAIL or word.endswith(("template", "setting", "notification"))
        for word in words(name)
    )


def role(column: Column) -> str | None:
    """Return what a column is by its name and its type."""
    name = snake(column.name)
    if column.type == "bytea":
        return None if _first(name) in {"digest", "message_id"} else _content(name)
    if column.type == "oid":
        return _content(name) if _first(name) in {"body", "data"} else None
    if column.family == "integer":
        return "size" if _first(name) == "size" else None
    if not column.is_text:
        return None
    found = _first(name)
    is_short = column.max_length is not None and column.max_length < SHORT
    return None if found in {"body", "data"} and is_short else found


def strength(column: Column) -> int:
    """Return how much its name says that a column is a body: from 1 to 3."""
    name = snake(column.name)
    return 3 if _STRONG.search(name) else 2 if _FAIR.search(name) else 1


def received_rank(column: Column) -> int | None:
    """Return how near a column is to the time at which mail came, 0 for nearest."""
    if not column.type.startswith("timestamp"):
        return None
    name = snake(column.name)
    ranks = (rank for rank, pattern in enumerate(_RECEIVED) if pattern.search(name))
    return next(ranks, None)


def is_flag(column: Column) -> bool:
    """Whether a column says that mail is not to be kept."""
    return column.type in {"boolean", *_timestamps()} and bool(_FLAG.search(snake(column.name)))


def leads_to(column: str, table: str, also: set[str]) -> bool:
    """Whether a column is named like one that leads to a table, or to what it is."""
    own = words(column) - _KEYLIKE
    return bool(own & (words(table) | also)) or snake(column) in {
        f"{word}{end}" for word in words(table) | also for end in ("id", "key", "uuid")
    }


def _timestamps() -> tuple[str, str]:
    return "timestamp with time zone", "timestamp without time zone"


def _first(name: str) -> str | None:
    return next((role for role, pattern in _COMPILED if pattern.search(name)), None)


def _content(name: str) -> str:
    return "body" if _first(name) == "body" else "data"


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ss", "us", "is")) or len(word) < 4:
        return word
    return word.removesuffix("s")
