"""How right the time left is where the store slows to half midway: `python -m bench.eta`."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import psycopg

from bench.report import print_table
from bench.setting import servers
from bench.slow_line import SlowLine
from mailvault.observe.snapshot import take_snapshot

if TYPE_CHECKING:
    from mailvault.observe.snapshot import Snapshot

SETTLED = 60.0
"""Seconds after a change from which on the estimate is judged."""


class Sample(NamedTuple):
    """What status said at a moment."""

    at: float
    share: float
    eta: dict[str, Any]
    left: float | None


@click.command()
@click.option("--emails", type=int, default=20_000, show_default=True)
@click.option("--delay-ms", type=float, default=40, show_default=True, help="Of each answer.")
@click.option("--in-flight", type=int, default=4, show_default=True)
def main(emails: int, delay_ms: float, in_flight: int) -> None:
    """Move bodies of 10 KB, and ask for the time left at every 5% of them."""
    with (
        servers() as setting,
        SlowLine(setting.environment["S3_ENDPOINT"], delay_ms / 1000) as line,
        psycopg.connect(setting.dsn, autocommit=True) as connection,
    ):
        setting.add_bodies(emails, 10_000)
        environment = setting.environment | {"S3_ENDPOINT": line.endpoint}
        command = [sys.executable, "-W", "ignore", "-m", "mailvault", "work", "--drain"]
        with subprocess.Popen(
            [*command, "-j", str(in_flight)], env=environment, cwd=setting.directory,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as worker:  # fmt: skip
            samples, slowed = _watch(connection, line, worker)
        ended = time.monotonic()
    _report(samples, slowed, ended)


def _watch(
    connection: psycopg.Connection, line: SlowLine, worker: subprocess.Popen[bytes]
) -> tuple[list[Sample], float]:
    samples: list[Sample] = []
    slowed = float("inf")
    while worker.poll() is None:
        time.sleep(0.2)
        seen = take_snapshot(connection)
        assert seen is not None
        share = _share(seen)
        if share >= 0.5 and slowed == float("inf"):
            line.delay *= 2
            slowed = time.monotonic()
        if share < 1 and share >= 0.05 * (len(samples) + 1):
            samples.append(Sample(time.monotonic(), share, seen["eta"], seen["batch"]["eta_s"]))
    return samples, slowed


def _share(seen: Snapshot) -> float:
    batch = seen["batch"]
    return float(batch["processed"]) / float(batch["total"])


def _report(samples: list[Sample], slowed: float, ended: float) -> None:
    rows = []
    worst = 0.0
    for sample in samples:
        truth = ended - sample.at
        off = None if sample.left is None else sample.left / truth - 1
        is_judged = sample.at > slowed + SETTLED
        if is_judged:
            worst = max(worst, abs(off) if off is not None else 1.0)
        rows.append((
            f"{sample.share:.0%}", f"{sample.at - slowed:+,.0f} s", sample.eta["state"],
            "-" if sample.left is None else f"{sample.left:,.0f} s", f"{truth:,.0f} s",
            "-" if off is None else f"{off:+.1%}", "yes" if is_judged else "",
        ))  # fmt: skip
    print_table(
        ("done", "since it slowed", "state", "time left, as told", "truth", "off", "judged"),
        rows,
        notes=f"At most {worst:.1%} off from a minute after the change on.",
    )


if __name__ == "__main__":
    main()
