"""All times come from the database: a worker's own clock may be wrong by years."""

from __future__ import annotations

import ast
from pathlib import Path

import mailvault

ROOT = Path(mailvault.__file__).parent
QUEUE = [
    file
    for part in ("queue", "worker")
    for file in sorted((ROOT / part).glob("*.py"))
    if file.name != "throttle.py"  # a timetable goes by the clock of the machine
]

OWN_CLOCK = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}
"""What tells the time of the day; time.monotonic measures how long something took."""


def test_no_worker_asks_its_own_clock() -> None:
    assert len(QUEUE) > 10
    asked = [
        f"{file.name}:{node.lineno}"
        for file in QUEUE
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in OWN_CLOCK
    ]
    assert asked == []
