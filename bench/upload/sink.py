"""The S3 server that takes everything and keeps nothing, and what clients of it cost."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAM = Path("target/release/mailvault-sink")
"""Built by `make bench-upload`."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a client took, as the kernel accounts for it and its children.

    Attributes:
        seconds: Wall time, start-up included.
        cpu: CPU seconds, user and system.
        peak: Peak resident memory of its largest process, in bytes.
        said: What it printed.
    """

    seconds: float
    cpu: float
    peak: int
    said: str


def run(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a client to its end.

    Raises:
        click.ClickException: It failed; the text is what it said.
    """
    started = time.monotonic()
    with subprocess.Popen(
        command, env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)}:\n{said}")
    seconds = time.monotonic() - started
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said)


class Sink:
    """One running sink.

    Attributes:
        endpoint: Its address.
        objects: Objects that it was sent; known once it has ended.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        self.objects = 0

    @property
    def environment(self) -> dict[str, str]:
        """What mailvault and other clients need to be told."""
        return embedded.environment("", self.endpoint) | {"S3_ENDPOINT_URL": self.endpoint}

    def end(self) -> None:
        """End it, and learn how much it was sent."""
        said, _ = self._process.communicate()
        self.objects = int(said.split()[0])


@contextmanager
def sink(delay_ms: int = 0) -> Iterator[Sink]:
    """Start a sink that answers after `delay_ms` milliseconds; it ends with the block."""
    with subprocess.Popen(
        [str(PROGRAM), str(delay_ms)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        found = Sink(process)
        yield found
        found.end()
