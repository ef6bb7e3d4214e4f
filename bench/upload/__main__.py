"""The uploader's benches: `python -m bench.upload COMMAND`."""

from __future__ import annotations

import click

from bench.upload.alone import alone
from bench.upload.large import large
from bench.upload.latency import latency
from bench.upload.memory import memory
from bench.upload.profile import profile
from bench.upload.road import road
from bench.upload.stores import stores


@click.group()
def main() -> None:
    """Measure the uploader; every command prints a table."""


for command in (alone, road, stores, large, memory, latency, profile):
    main.add_command(command)

if __name__ == "__main__":
    main()
