"""SeaweedFS, from its wheel: what all other tests run on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploy import embedded
from tests.s3.servers.server import STORE_SETTINGS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _run(_: str, directory: Path) -> Iterator[dict[str, str]]:
    server = embedded.S3Server(directory)
    server.start()
    everything = embedded.environment("", server.endpoint)
    try:
        yield {name: everything[name] for name in STORE_SETTINGS}
    finally:
        server.stop()


SERVER = Server("weed", ("version",), _run)
