"""MinIO, with a key of its own, without which it refuses to encrypt.

`go install github.com/minio/minio@latest` makes it; two minutes.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploy.embedded import free_port
from tests.s3.servers.server import ACCESS_KEY, SECRET_KEY, Server, serve, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {
    "MINIO_ROOT_USER": ACCESS_KEY,
    "MINIO_ROOT_PASSWORD": SECRET_KEY,
    "MINIO_KMS_SECRET_KEY": f"test:{b64encode(bytes(32)).decode()}",
    "MINIO_UPDATE": "off",
    "MINIO_BROWSER": "off",
}


@contextmanager
def _run(program: str, directory: Path) -> Iterator[dict[str, str]]:
    port = free_port()
    command = [
        program, "server", str(directory / "data"), "--address", f"127.0.0.1:{port}",
        "--console-address", f"127.0.0.1:{free_port()}",
    ]  # fmt: skip
    with serve(command, directory, settings(port), **ENVIRONMENT) as store:
        yield store


SERVER = Server("minio", ("--version",), _run)
