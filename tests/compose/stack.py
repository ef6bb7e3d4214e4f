"""A project of docker-compose.yml with a name, passwords and ports of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from deploy.embedded import free_port
from tests.conftest import Bucket
from tests.s3.servers.server import client_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BUCKET = "mail"


class Stack:
    """Runs `docker compose` on it."""

    def __init__(self, **settings: str) -> None:
        self.project = f"mailvault-test-{secrets.token_hex(4)}"
        self.settings = {
            "POSTGRES_PASSWORD": secrets.token_hex(8),
            "AWS_ACCESS_KEY_ID": "mailvault",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(8),
            "S3_BUCKET": BUCKET,
            "POSTGRES_PORT": str(free_port()),
            "MINIO_PORT": str(free_port()),
            "MINIO_CONSOLE_PORT": str(free_port()),
            **settings,
        }

    def _compose(self, *arguments: str) -> dict[str, Any]:
        """What to run; the developer's own .env is not read."""
        command = ["docker", "compose", "--project-name", self.project, "--env-file", os.devnull]
        return {
            "args": [*command, *arguments],
            "cwd": ROOT,
            "env": os.environ | self.settings,
            "stdin": subprocess.DEVNULL,
            "text": True,
        }

    def run(self, *arguments: str) -> None:
        """Run to the end, and let it be seen."""
        subprocess.run(**self._compose(*arguments), check=True)

    def read(self, *arguments: str) -> str:
        """Run to the end; return what it prints."""
        done = subprocess.run(**self._compose(*arguments), check=True, stdout=subprocess.PIPE)
        return str(done.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it, and go on."""
        return subprocess.Popen(**self._compose(*arguments))

    def containers(self, service: str) -> list[dict[str, Any]]:
        """What the engine says of a service's containers, in the order of their numbers."""
        ids = self.read("ps", "--all", "--quiet", service).split()
        found: list[dict[str, Any]] = json.loads(_docker("inspect", *ids)) if ids else []
        return sorted(found, key=lambda container: str(container["Name"]))

    def leftovers(self) -> list[str]:
        """Containers, volumes and networks of the project."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (["ps", "--all"], ["volume", "ls"], ["network", "ls"])
        return [name for kind in kinds for name in _docker(*kind, "-qf", label).split()]

    @property
    def dsn(self) -> str:
        """How its database is reached from here."""
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.settings["POSTGRES_PORT"], user="mailvault",
            password=self.settings["POSTGRES_PASSWORD"], dbname="mailvault", connect_timeout=5,
        )  # fmt: skip

    def bucket(self) -> Bucket:
        """Its bucket."""
        environment = {
            **self.settings,
            "S3_ENDPOINT": f"http://127.0.0.1:{self.settings['MINIO_PORT']}",
            "S3_REGION": "us-east-1",
        }
        return Bucket(BUCKET, environment, client_of(environment))

    def digests(self) -> Iterator[tuple[str, str]]:
        """Path below the files root, and SHA-256, of all attachments on the volume."""
        command = "cd /files && find * -type f | xargs sha256sum"
        listing = self.read("run", "--rm", "--no-TTY", "--no-deps", "app", "sh", "-c", command)
        for line in listing.splitlines():
            digest, path = line.split(maxsplit=1)
            yield path, digest


def kill(container: dict[str, Any]) -> None:
    """Kill a container from outside, as when its host is lost: nothing starts it again."""
    _docker("kill", container["Id"])


def crash(container: dict[str, Any]) -> None:
    """Kill what runs in a container, so that it ends by itself and is started again."""
    _docker("exec", container["Id"], "sh", "-c", "kill -KILL -1")


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
