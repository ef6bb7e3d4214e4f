"""Where the program's log goes: stderr, above whatever is live on a terminal."""

from __future__ import annotations

import logging

from rich.console import Console
from rich.logging import RichHandler


def log_to(console: Console | None = None) -> None:
    """Send mailvault's log to a console; plain lines where it is not a terminal."""
    console = console or Console(stderr=True)
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, markup=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("mailvault")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False
