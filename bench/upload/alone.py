"""The uploader by itself, at a server that answers at once, beside other clients."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click

from bench.report import print_table
from bench.upload.clients import Put, measure, ours, s5cmd


@click.command()
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--objects", type=int, default=50_000, show_default=True)
def alone(rounds: int, objects: int) -> None:
    """Put objects of 10 KB, 16 in flight; CPU is the client's, without its start-up."""
    with TemporaryDirectory(prefix="mailvault-bench-") as directory:
        clients = [
            ours("rust", objects),
            ours("boto3", objects // 25),
            s5cmd(Path(directory), objects // 2),
            ours("script", objects // 25),
        ]
        results: list[list[Put]] = [[] for _ in clients]
        for turn in range(rounds):
            for client, done in zip(clients, results, strict=True):
                done.append(measure(client))
                print(f"{turn + 1}: {client.name} {done[-1].cpu_us:.0f} µs", flush=True)
    cpu = [median(one.cpu_us for one in done) for done in results]
    print_table(
        ("", "CPU µs an object", "rounds", "mailvault's Rust takes", "objects/s"),
        [
            (
                client.name,
                f"{used:.0f}",
                " ".join(f"{one.cpu_us:.0f}" for one in done),
                f"{cpu[0] / used:.3f} times",
                f"{median(one.per_second for one in done):,.0f}",
            )
            for client, used, done in zip(clients, cpu, results, strict=True)
        ],
        packages=("obstore", "boto3"),
    )
