"""The clients that put small objects: ours, s5cmd, rclone, and a script of an afternoon."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from bench.run import Run, cpu_of, run
from bench.stores import program
from bench.upload.put import IN_FLIGHT, SIZE
from deploy.embedded import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.stores import OpenStore


class Put(NamedTuple):
    """What one object took of a client, and of the servers that the client was sending to."""

    cpu_us: float
    per_second: float
    servers_us: float


class Client(NamedTuple):
    """A client, how many objects it is given, and how it is run over so many of them."""

    name: str
    objects: int
    command: Callable[[int, str], Sequence[str]]


def measure(client: Client, open_store: OpenStore) -> Put:
    """Put all objects at a new store; what the client takes for the first one is its start-up."""
    first, _ = _run(client, 1, open_store)
    every, servers = _run(client, client.objects, open_store)
    return per_object(client.objects - 1, first, every, servers)


def per_object(objects: int, first: Run, every: Run, servers: float) -> Put:
    """What each of some objects took, where another run shows what the start-up takes."""
    cpu, seconds = every.cpu - first.cpu, every.seconds - first.seconds
    return Put(1e6 * cpu / objects, objects / seconds, 1e6 * servers / objects)


def _run(client: Client, objects: int, open_store: OpenStore) -> tuple[Run, float]:
    """Run a client; the store's CPU seconds are returned too."""
    with open_store() as store:
        os.sync()  # what was written before is not this client's
        before = cpu_of(store.process)
        done = run(client.command(objects, store.endpoint), store.environment)
        servers = cpu_of(store.process) - before
    if store.objects != objects:
        raise click.ClickException(f"{client.name} put {store.objects} objects of {objects}")
    return done, servers


def ours(kind: str, objects: int, *, in_flight: int = IN_FLIGHT) -> Client:
    """One of mailvault's uploaders, or with `script` boto3 and threads."""
    name = "boto3, threads" if kind == "script" else f"mailvault, {kind}"

    def command(count: int, _: str) -> Sequence[str]:
        put = (sys.executable, "-W", "ignore", "-m", "bench.upload.put")
        return *put, kind, str(count), str(in_flight)

    return Client(name, objects, command)


def make_files(directory: Path, objects: int) -> None:
    """Write what clients put that read files: one below `1`, and all below their number."""
    for count in (1, objects):
        for number in range(count):
            path = directory / str(count) / f"{number % 256:02x}" / f"{number}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(SIZE))


def s5cmd(directory: Path, objects: int) -> Client:
    """s5cmd (github.com/peak/s5cmd), over the files of a directory.

    Raises:
        click.ClickException: It is not there.
    """
    path = program("s5cmd")

    def command(count: int, endpoint: str) -> Sequence[str]:
        return (
            path, "--numworkers", str(IN_FLIGHT), "--endpoint-url", endpoint,
            "cp", f"{directory}/{count}/", f"s3://{BUCKET}/emails/",
        )  # fmt: skip

    return Client("s5cmd", objects, command)


def s5cmd_run(directory: Path, objects: int) -> Client:
    """The same program, told each file in a list of commands.

    Raises:
        click.ClickException: It is not there.
    """
    path = program("s5cmd")

    def command(count: int, endpoint: str) -> Sequence[str]:
        commands = directory / f"{count}.txt"
        files = (directory / str(count)).rglob("*.html")
        copies = (f"cp {file} s3://{BUCKET}/emails/{file.parent.name}/{file.name}\n"
                  for file in files)  # fmt: skip
        commands.write_text("".join(copies), encoding="utf-8")
        return (
            path, "--numworkers", str(IN_FLIGHT), "--endpoint-url", endpoint,
            "run", str(commands),
        )  # fmt: skip

    return Client("s5cmd run", objects, command)


def rclone(directory: Path, objects: int) -> Client:
    """rclone (rclone.org), over the files of a directory.

    Raises:
        click.ClickException: It is not there.
    """
    path = program("rclone")

    def command(count: int, endpoint: str) -> Sequence[str]:
        return (
            path, "copy", "--config", "", "--transfers", str(IN_FLIGHT),
            "--s3-no-check-bucket", f"{directory}/{count}",
            f":s3,provider=Other,env_auth=true,endpoint='{endpoint}':{BUCKET}/emails",
        )  # fmt: skip

    return Client("rclone", objects, command)
