"""The uploader by itself, at a server that answers at once, beside other clients."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bench.report import print_table
from bench.stores import sink
from bench.upload.clients import make_files, measure, ours, s5cmd
from bench.upload.rounds import medians, take_turns


@click.command()
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--objects", type=int, default=50_000, show_default=True)
def alone(rounds: int, objects: int) -> None:
    """Put objects of 10 KB, 16 in flight; CPU is the client's, without its start-up."""
    with TemporaryDirectory(prefix="mailvault-bench-") as directory:
        make_files(Path(directory), objects // 2)
        clients = [
            ours("rust", objects),
            ours("boto3", objects // 25),
            s5cmd(Path(directory), objects // 2),
            ours("script", objects // 25),
        ]
        results = take_turns(
            {client.name: partial(measure, client, sink) for client in clients}, rounds
        )
    typical = medians(results)
    rust = typical[clients[0].name]
    print_table(
        ("", "CPU µs an object", "rounds", "mailvault's Rust takes", "objects/s"),
        [
            (
                name,
                f"{put.cpu_us:.0f}",
                " ".join(f"{one.cpu_us:.0f}" for one in results[name]),
                f"{rust.cpu_us / put.cpu_us:.3f} times",
                f"{put.per_second:,.0f}",
            )
            for name, put in typical.items()
        ],
        packages=("obstore", "boto3"),
    )
