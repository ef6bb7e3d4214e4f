"""Plants each bug in a copy of the tree, and demands that the test meant for it fails.

`python -m tests.planted [WORD …]` prints a Markdown table, of the bugs whose name has one of the
words or of all; it exits with 1 if a bug survives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from deploy import embedded
from tests.planted.bugs import BUGS, Bug
from tests.planted.plant import ROOT, plant

CAUGHT = ("AssertionError", "Failed", "assert ", "psycopg.errors.")
"""How the message of a failure begins that is one: the rest are mistakes in the planting."""

ENVIRONMENT = {"MODEL_HISTORIES": "200", "MODEL_SHRINK": "no"}


def copy_tree(source: Path, target: Path) -> None:
    """Copy what the tests need, with the built extension."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("mailvault", "sql", "tests", "deploy"):
        shutil.copytree(source / name, target / name, symlinks=True, ignore=ignored)
    shutil.copy(source / "pyproject.toml", target)


def run(tree: Path, dsn: str, *tests: str) -> list[str]:
    """Run tests in a tree; return the messages of those that failed, "" for none that says why."""
    report = tree / "report.xml"
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(tree), "DATABASE_URL": dsn}
    arguments = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}", f"--basetemp={tree}/tmp"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, *tests],
        cwd=tree, env=environment, check=False, capture_output=True, timeout=1800,
    )  # fmt: skip
    if not report.exists():
        return ["pytest did not run"]
    cases = list(ET.parse(report).getroot().iter("testcase"))
    if not cases:
        return ["no test ran"]
    found = [end for case in cases for end in case if end.tag in {"failure", "error"}]
    return [end.get("message") or "" for end in found]


def try_bug(bug: Bug, sound: Path, dsn: str) -> tuple[bool, str]:
    """Plant one bug in a tree of its own; return whether it was caught, and how."""
    tree = sound.with_name("planted")
    copy_tree(sound, tree)
    plant(tree, bug)
    messages = run(tree, dsn, bug.test)
    shutil.rmtree(tree)
    if not messages:
        return False, "SURVIVED"
    return messages[0].startswith(CAUGHT), messages[0].splitlines()[0][:80]


def main(words: list[str]) -> int:
    """Try all; return the exit code."""
    bugs = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    with TemporaryDirectory(prefix="mailvault-planted-") as name:
        directory = Path(name)
        dsn = embedded.start_postgres(directory / "postgres")
        try:
            return try_all(bugs, directory, dsn)
        finally:
            embedded.stop_postgres(directory / "postgres")


def try_all(bugs: list[Bug], directory: Path, dsn: str) -> int:
    """Try these bugs on one server; print the table; return the exit code."""
    survived = 0
    sound = directory / "sound"
    copy_tree(ROOT, sound)
    failed = run(sound, dsn, *sorted({bug.test for bug in bugs}))
    if failed:
        print("the tests fail without a bug:", *failed, sep="\n")
        return 1
    print("| bug | file | caught by | s |\n| --- | --- | --- | ---: |")
    for bug in bugs:
        started = time.monotonic()
        caught, said = try_bug(bug, sound, dsn)
        seconds = time.monotonic() - started
        test = bug.test.removeprefix("tests/").replace("::", " ")
        print(f"| {bug.name} | `{bug.file}` | {test} | {seconds:.0f} |", flush=True)
        if not caught:
            survived += 1
            print(f"not caught: {bug.name}: {said}", file=sys.stderr)
    print(f"\n{len(bugs) - survived} of {len(bugs)} caught")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
