"""What idle workers cost the database."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click
import psutil
import psycopg

from bench.queue.database import Server, settle
from bench.report import print_table
from bench.setting import Setting, servers


@click.command()
@click.option("--processes", type=int, default=10, show_default=True)
@click.option("--seconds", type=float, default=60.0, show_default=True)
def idle(processes: int, seconds: float) -> None:
    """Let workers wait for work, and account for the CPU meanwhile."""
    with servers() as setting:
        postgres = Server(setting.directory / "postgres")
        with (setting.directory / "workers").open("wb") as said:
            parent = subprocess.Popen(
                [sys.executable, "-m", "mailvault", "work", "--processes", str(processes)],
                env={**os.environ, **setting.environment}, stdout=said, stderr=said,
                cwd=setting.directory,
            )  # fmt: skip
        try:
            _wait_until_idle(setting, processes)
            settle(setting.dsn)
            family = [psutil.Process(parent.pid), *psutil.Process(parent.pid).children()]
            before = postgres.scheduled(), sum(sum(one.cpu_times()[:2]) for one in family)
            time.sleep(seconds)
            after = postgres.scheduled(), sum(sum(one.cpu_times()[:2]) for one in family)
        finally:
            parent.terminate()
            parent.wait()
    # What ended meanwhile was autovacuum, at work on what initdb and init had left.
    database = sum(after[0][pid] - before[0].get(pid, 0.0) for pid in after[0]) / seconds
    own = (after[1] - before[1]) / seconds
    print_table(
        ("idle workers", "database CPU, of one core", "the workers' own, each"),
        [(processes, f"{database:.2%}", f"{own / processes:.2%}")],
        notes=f"Over {seconds:.0f} s.",
    )


def _wait_until_idle(setting: Setting, processes: int) -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(setting.dsn, autocommit=True) as connection:
        count = "select count(*) from mailvault.worker where state = 'idle'"
        while connection.execute(count).fetchone() != (processes,):
            if time.monotonic() > deadline:
                raise click.ClickException((setting.directory / "workers").read_text())
            time.sleep(0.2)
    time.sleep(5)  # what their start has left to do
