"""The queue's benches: `python -m bench.queue COMMAND`."""

from __future__ import annotations

import click

from bench.queue.depth import depth
from bench.queue.idle import idle
from bench.queue.rivals import peers
from bench.queue.scale import workers
from bench.queue.snapshot import snapshot
from bench.queue.source import enqueue


@click.group()
def main() -> None:
    """Measure the queue; every command prints a table."""


for command in (peers, depth, snapshot, enqueue, workers, idle):
    main.add_command(command)

if __name__ == "__main__":
    main()
