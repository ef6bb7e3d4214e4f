"""Sorts samples of a running worker by the part of the program that they are in."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "Python"


class Frame(NamedTuple):
    """A function, and the base name of the file that it is in."""

    name: str
    file: str


Stack = tuple[Frame, ...]
"""Innermost first; the last frame names the thread."""

KERNEL = (
    ("kernel: send", r"sendmsg|sendto|sys_writev?$"),
    ("kernel: receive", r"recvmsg|recvfrom|sys_readv?$"),
    ("kernel: wait and wake", r"futex|epoll|sys_p?poll$|sched_yield"),
)
"""Groups of samples in the kernel: the first whose pattern fits any frame."""

SPECIAL = (
    ("signing", r"_rust::signing::Signer"),
    ("SHA-256 of the content", r"sha256_block|SHA256_"),
    ("Python: garbage collection", r"gc_collect_main"),
)
"""The same for other samples, whoever called."""

OWNERS = (
    ("our Rust: edge to Python", r"_rust::py::|pyo3::"),
    (
        "our Rust",
        r"_rust::(upload|content|reader|encoding|session|part|budget|file|key|digest|pace|patience)",
    ),
    ("HTTP client", r"hyper|reqwest|http::|httparse|tower|url::|object_store::client"),
    ("object_store", r"object_store"),
    ("tokio", r"tokio|mio::"),
)
"""The same for those that are left: the first that fits the innermost frame that any fits."""

_PSYCOPG = re.compile(r"libpq|psycopg|^pq\.")
_PYTHON = re.compile(r"^libpython|^python3")
_LINE = re.compile(r"\s+[0-9a-f]+ (.*) \((.*)\)$")


def read_perf(perf: str, data: Path) -> Counter[Stack]:
    """Read what perf recorded, and count equal stacks; the interpreter's end is left out."""
    command = (perf, "script", "-i", str(data), "-F", "comm,ip,sym,dso")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stacks: Counter[Stack] = Counter()
    for sample in said.split("\n\n"):
        thread, _, frames = sample.strip("\n").partition("\n")
        found = [_LINE.match(line) for line in frames.splitlines()]
        stack = [Frame(one[1], one[2].rsplit("/", 1)[-1]) for one in found if one]
        if stack and not any(frame.name == "Py_FinalizeEx" for frame in stack):
            stacks[(*stack, Frame(thread.strip(), ""))] += 1
    return stacks


def group(stack: Stack) -> str:
    """Say in which part of the program a sample is."""
    is_kernel = stack[0].file.startswith("[kernel")
    for name, pattern in KERNEL if is_kernel else SPECIAL:
        if any(re.search(pattern, frame.name) for frame in stack):
            return name
    if is_kernel:
        return "kernel: other"
    for frame in stack:
        for name, pattern in OWNERS:
            if re.search(pattern, frame.name):
                return name
        if _PSYCOPG.search(frame.file):
            return "psycopg and libpq"
        if _PYTHON.search(frame.file):
            return PYTHON
    return f"other: {stack[0].file}"


def modules(raw: str) -> Counter[str]:
    """Count the samples of py-spy by the innermost file of Python, without garbage collection.

    A collection begins wherever the next object is made, which tells nothing of that place.
    """
    counts: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        files = [found[1] for found in re.finditer(r"\(([\w/.-]+\.py)(?::\d+)?\)", stack)]
        if files and "gc_collect_main" not in stack:
            counts[files[-1]] += int(count)
    return counts
