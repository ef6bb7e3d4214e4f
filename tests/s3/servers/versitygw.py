"""The Versity S3 gateway on a directory, whose file system must know extended attributes.

`go install github.com/versity/versitygw/cmd/versitygw@latest` makes it; a minute.
"""

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
    command = [program, "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(data)]
    with serve(
        command, directory, settings(port), ROOT_ACCESS_KEY=ACCESS_KEY, ROOT_SECRET_KEY=SECRET_KEY
    ) as store:
        yield store


SERVER = Server("versitygw", ("--version",), _run)
