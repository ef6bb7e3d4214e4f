"""Where the program's log goes: stderr, above whatever is live on a terminal."""

from __future__ import annotations

import json
import logging
import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler

from mailvault.cli.secrets import redact
from mailvault.worker.identity import Identity

if TYPE_CHECKING:
    from mailvault.config import LogFormat

LIMIT = 500
"""Characters of a message that are kept; the database keeps more of why an email failed."""

FIELDS = ("worker", "job", "email", "batch", "reason")
"""What a line may be about, where its record says so."""


class Tidy(logging.Filter):
    """Has each message on one line, cut, and without a secret."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record's message; keep every record."""
        said = " ".join(redact(record.getMessage(), self._secrets).split())
        record.msg = said if len(said) <= LIMIT else f"{said[:LIMIT]}…"
        record.args = ()
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line, for machines."""

    def __init__(self) -> None:
        super().__init__()
        self._process = {"host": socket.gethostname(), "pid": os.getpid()}

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a JSON object, with time in UTC."""
        time = datetime.fromtimestamp(record.created, UTC)
        about = {name: getattr(record, name, None) for name in FIELDS}
        return json.dumps(
            {
                "time": time.isoformat(timespec="milliseconds"),
                "level": record.levelname.lower(),
                "message": record.getMessage(),
                **{name: value for name, value in about.items() if value is not None},
                **self._process,
            }
        )


def log_console(log_format: LogFormat) -> Console:
    """Return stderr: a terminal only if the log may be for a person there."""
    return Console(stderr=True, force_terminal=None if log_format == "auto" else False)


def log_to(
    log_format: LogFormat, secrets: tuple[str, ...], console: Console | None = None
) -> None:
    """Send mailvault's log to a console, without the secrets."""
    console = console or log_console(log_format)
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, markup=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
        handler.setFormatter(JsonLines() if log_format == "json" else plain)
    handler.addFilter(Identity())
    handler.addFilter(Tidy(secrets))
    root = logging.getLogger("mailvault")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False
