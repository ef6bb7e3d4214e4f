"""What the tests ask of an S3 server: that it starts, and what it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deploy.embedded import START_TIMEOUT, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Server:
    """One kind of server.

    Attributes:
        program: What must be on the PATH, or beside this Python.
        version: Arguments that make it tell its version.
        run: Runs it below a directory; gives the settings of a store on which buckets may be made.
    """

    program: str
    version: tuple[str, ...]
    run: Callable[[str, Path], AbstractContextManager[dict[str, str]]]

    def find(self) -> str | None:
        """Where the program is; None if it is not here."""
        beside = Path(sys.executable).with_name(self.program)
        return str(beside) if beside.exists() else shutil.which(self.program)

    def told_version(self) -> str:
        """What it says of its version, in its first line; it may say that elsewhere than asked."""
        done = subprocess.run(
            [self.find() or self.program, *self.version],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return (done.stdout or done.stderr).strip().splitlines()[0]

    @contextmanager
    def running(self, directory: Path) -> Iterator[dict[str, str]]:
        """Run it until the block ends.

        Raises:
            ServerError: It is not here, or did not come up.
        """
        found = self.find()
        if found is None:
            raise ServerError(f"{self.program} is not here: put it on the PATH")
        with self.run(found, directory) as settings:
            yield settings


STORE_SETTINGS = ("S3_ENDPOINT", "S3_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

ACCESS_KEY = "mailvault"
SECRET_KEY = "mailvault-secret"


def settings(
    port: int, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY
) -> dict[str, str]:
    """The settings of a store on this port."""
    return {
        "S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
    }


@contextmanager
def serve(
    command: list[str], directory: Path, store: dict[str, str], **environment: str
) -> Iterator[dict[str, str]]:
    """Run a program in a directory until the block ends; give its store's settings.

    Raises:
        ServerError: It does not list buckets in a minute.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=os.environ | environment, cwd=directory,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _wait_until_ready(store, log)
        yield store
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def client_of(store: dict[str, str], config: Config | None = None) -> S3Client:
    """A client that shares no code with the uploaders."""
    return boto3.client(
        "s3",
        endpoint_url=store["S3_ENDPOINT"],
        region_name=store["S3_REGION"] or "us-east-1",
        aws_access_key_id=store["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=store["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


def _wait_until_ready(store: dict[str, str], log: Path) -> None:
    client = client_of(
        store, Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 1})
    )
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        with suppress(BotoCoreError, ClientError):
            client.list_buckets()
            return
        time.sleep(0.1)
    raise ServerError(f"it did not come up:\n{log.read_text(errors='replace')[-2000:]}")
