"""Keeps passwords and keys out of what is logged and printed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.config import Settings

HIDDEN = "***"


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return what must never be shown, the longest first: one may be part of another."""
    keys = (
        settings.aws_secret_access_key, settings.aws_session_token, settings.s3_sse_customer_key,
    )  # fmt: skip
    found = {key.get_secret_value() for key in keys if key is not None}
    found.add(os.environ.get("PGPASSWORD", ""))
    for dsn in (settings.database_url, settings.source_database_url):
        found.update(_passwords(dsn.get_secret_value()))
    return tuple(sorted(found - {""}, key=len, reverse=True))


def _passwords(dsn: str) -> Iterator[str]:
    """Yield the password of a connection string as it is and as it is written there."""
    try:
        password = psycopg.conninfo.conninfo_to_dict(dsn).get("password")
    except psycopg.ProgrammingError:
        yield dsn  # nobody can tell where the password is
        return
    if not isinstance(password, str):
        return
    yield password
    yield from (piece for piece in re.split("[/:@?&=]", dsn) if unquote(piece) == password)


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Return a text with each secret replaced."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
