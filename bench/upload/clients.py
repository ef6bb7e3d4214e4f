"""The clients that put small objects: ours, s5cmd, and what somebody writes in an afternoon."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from bench.run import Run, run
from bench.upload.put import IN_FLIGHT, SIZE
from bench.upload.sink import sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Put(NamedTuple):
    """What one object took of a client."""

    cpu_us: float
    per_second: float


class Client(NamedTuple):
    """A client, how many objects it is given, and how it is run over so many of them."""

    name: str
    objects: int
    command: Callable[[int, str], Sequence[str]]


def measure(client: Client) -> Put:
    """Put all objects at a sink; what the client takes for the first one is its start-up."""
    first, every = _run(client, 1), _run(client, client.objects)
    return per_object(client.objects - 1, first, every)


def per_object(objects: int, first: Run, every: Run) -> Put:
    """What each of some objects took, where another run shows what the start-up takes."""
    cpu, seconds = every.cpu - first.cpu, every.seconds - first.seconds
    return Put(1e6 * cpu / objects, objects / seconds)


def _run(client: Client, objects: int) -> Run:
    with sink() as server:
        done = run(client.command(objects, server.endpoint), server.environment)
    if server.objects != objects:
        raise click.ClickException(f"{client.name} put {server.objects} objects of {objects}")
    return done


def ours(kind: str, objects: int) -> Client:
    """One of mailvault's uploaders, or with `script` boto3 and threads."""
    name = "boto3, threads" if kind == "script" else f"mailvault, {kind}"
    return Client(
        name,
        objects,
        lambda count, _: (
            sys.executable, "-W", "ignore", "-m", "bench.upload.put", kind, str(count)
        ),
    )  # fmt: skip


def s5cmd(directory: Path, objects: int) -> Client:
    """s5cmd (github.com/peak/s5cmd, v2.3.0), over files in a directory of their own.

    Raises:
        click.ClickException: It is not there.
    """
    program = shutil.which("s5cmd")
    if program is None:
        raise click.ClickException("s5cmd is not on the PATH: build it with Go, v2.3.0")
    for count in (1, objects):
        (directory / str(count)).mkdir(parents=True)
        for number in range(count):
            (directory / str(count) / f"{number}.html").write_bytes(os.urandom(SIZE))

    def command(count: int, endpoint: str) -> Sequence[str]:
        return (
            program, "--numworkers", str(IN_FLIGHT), "--endpoint-url", endpoint,
            "cp", f"{directory}/{count}/", "s3://mailvault/emails/",
        )  # fmt: skip

    return Client("s5cmd 2.3.0", objects, command)
