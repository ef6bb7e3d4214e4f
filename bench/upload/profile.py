"""Where the CPU time of the whole road goes, in microseconds of an email."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg

from bench.report import print_table
from bench.setting import Setting, setting
from bench.stores import program, sink
from bench.upload import places
from bench.upload.put import SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RATE = 299
"""Samples a second; no divisor of what anything else does in a second."""

WORK = ("work", "--drain")


@click.command()
@click.option("--emails", type=int, default=30_000, show_default=True)
@click.option("--svg", type=click.Path(path_type=Path), help="Draw a flame graph, with inferno.")
def profile(emails: int, svg: Path | None) -> None:
    """Move emails of 10 KB three times: as they are, under perf, and under py-spy.

    The first tells what an email costs, perf in which part of the program, and py-spy in which
    module of Python. Both begin to look when the first emails are stored.
    """
    perf, spy = program("perf"), program("py-spy")
    with sink() as store, setting(store) as place:
        data, raw = place.directory / "perf.data", place.directory / "spy.txt"
        startup = place.run(*WORK).cpu
        place.add_bodies(emails, SIZE)
        cost = 1e6 * (place.run(*WORK).cpu - startup) / emails
        _watched(place, emails, lambda pid: (
            perf, "record", "-q", "-F", str(RATE), "--call-graph", "dwarf,8192",
            "-o", str(data), "-p", str(pid),
        ))  # fmt: skip
        _watched(place, emails, lambda pid: (
            spy, "record", "-g", "-n", "-F", "-r", str(RATE), "-f", "raw", "-o", str(raw),
            "-p", str(pid),
        ))  # fmt: skip
        stacks = places.read_perf(perf, data)
        modules = places.modules(raw.read_text(encoding="utf-8"))
    if svg is not None:
        _draw(stacks, svg)
    groups: Counter[str] = Counter()
    for stack, count in stacks.items():
        groups[places.group(stack)] += count
    total = sum(groups.values())
    in_python = groups.pop(places.PYTHON, 0)
    for module, count in modules.items():
        groups[f"{places.PYTHON}: {module}"] = round(in_python * count / modules.total())
    print_table(
        ("where", "µs an email", "of all"),
        [
            (where, f"{cost * count / total:.1f}", f"{count / total:.1%}")
            for where, count in groups.most_common()
            if count / total >= 0.005
        ]
        + [("all", f"{cost:.1f}", "")],
        packages=("psycopg", "obstore"),
        notes=f"{total:,} samples of perf, {modules.total():,} of py-spy.",
    )


def _watched(place: Setting, emails: int, command: Callable[[int], Sequence[str]]) -> None:
    """Move as many emails again, with a program that looks on from the first one that is done."""
    before = _stored(place)
    place.add_bodies(emails, SIZE)
    onlookers: list[subprocess.Popen[bytes]] = []

    def look_on(pid: int) -> None:
        while _stored(place) == before:
            time.sleep(0.05)
        onlookers.append(
            subprocess.Popen(command(pid), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )

    place.run(*WORK, on_start=lambda pid: threading.Thread(target=look_on, args=(pid,)).start())
    for onlooker in onlookers:
        _, said = onlooker.communicate()
        if onlooker.returncode:
            raise click.ClickException(f"{onlooker.args!r}:\n{said.decode()}")


def _stored(place: Setting) -> int:
    with psycopg.connect(place.dsn, autocommit=True) as connection:
        row = connection.execute(
            "select coalesce(sum(processed), 0)::bigint from mailvault.progress"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _draw(stacks: Counter[places.Stack], svg: Path) -> None:
    """Draw what inferno makes of stacks, without the narrowest."""
    folded = "".join(
        f"{';'.join(frame.name.replace(';', ',') for frame in reversed(stack))} {count}\n"
        for stack, count in stacks.items()
    )
    command = (program("inferno-flamegraph"), "--minwidth", "0.5", "--title", "mailvault work")
    drawn = subprocess.run(command, input=folded.encode(), capture_output=True, check=True)
    svg.write_bytes(drawn.stdout)
