"""The queue's benches: `python -m bench.queue COMMAND`."""

from __future__ import annotations

import click

from bench.queue.peers_race import peers


@click.group()
def main() -> None:
    """Measure the queue; every command prints a table."""


for command in (peers,):
    main.add_command(command)

if __name__ == "__main__":
    main()
