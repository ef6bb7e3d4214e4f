"""Garage on one node; it makes the layout and the key itself.

`cargo install garage --locked` makes it, and takes its time.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploy.embedded import free_port
from tests.s3.servers.server import Server, serve, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "garage"

CONFIGURATION = """\
metadata_dir = "{directory}/meta"
data_dir = "{directory}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc_port}"
rpc_public_addr = "127.0.0.1:{rpc_port}"
rpc_secret = "{secret}"

[s3_api]
s3_region = "{region}"
api_bind_addr = "127.0.0.1:{port}"
"""


@contextmanager
def _run(program: str, directory: Path) -> Iterator[dict[str, str]]:
    port = free_port()
    # Keys are of the form in which Garage makes them.
    store = settings(port, f"GK{secrets.token_hex(12)}", secrets.token_hex(32))
    store["S3_REGION"] = REGION
    directory.mkdir(parents=True)
    configuration = directory / "garage.toml"
    configuration.write_text(
        CONFIGURATION.format(
            directory=directory, rpc_port=free_port(), secret=secrets.token_hex(32),
            region=REGION, port=port,
        )
    )  # fmt: skip
    command = [
        program, "-c", str(configuration), "server", "--single-node", "--default-access-key",
    ]  # fmt: skip
    with serve(
        command,
        directory,
        store,
        GARAGE_DEFAULT_ACCESS_KEY=store["AWS_ACCESS_KEY_ID"],
        GARAGE_DEFAULT_SECRET_KEY=store["AWS_SECRET_ACCESS_KEY"],
    ):
        yield store


SERVER = Server("garage", ("--version",), _run)
