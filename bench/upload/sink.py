"""The S3 server that takes everything and keeps nothing."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path("target/release/mailvault-sink")
"""Built by `make bench-upload`."""


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
