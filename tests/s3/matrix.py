"""The conformance suite with both uploaders on all S3 servers that are here, and a table of it.

`python -m tests.s3.matrix [--markdown FILE] [SERVER ...]` is `make s3-matrix`. Exits with 1 where
a test failed, or a server that was asked for by name is not here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from deploy.embedded import ServerError
from mailvault.store.probe import ABILITIES
from tests.conftest import UPLOADERS, learn_of
from tests.s3.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.s3.servers.server import Server

SUITE = (
    "test_conformance.py", "test_compressed.py", "test_twins.py", "test_files.py",
    "test_boto_multipart.py",
)  # fmt: skip

HERE = Path(__file__).parent


@dataclass
class Result:
    """What was seen of one server.

    Attributes:
        name: Which one.
        version: What it says of itself, or why it was not run.
        answers: For each ability, whether it has it.
        counts: How many tests of each uploader ended how, as (uploader, outcome).
        failures: The names of the tests that failed.
    """

    name: str
    version: str
    answers: dict[str, str] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def examine(name: str, server: Server) -> Result:
    """Start a server, learn what it can do, and run the suite on it."""
    if server.find() is None:
        return Result(name, f"not here: no {server.program} on the PATH")
    result = Result(name, server.told_version())
    with TemporaryDirectory(prefix=f"mailvault-{name}-") as directory:
        try:
            with server.running(Path(directory) / "server") as store:
                learned = learn_of(store)
                result.answers = {ability.name: seen.answer for ability, seen in learned.seen}
                _run_suite(store, Path(directory) / "junit.xml", result)
        except ServerError as error:
            result.version = str(error)
            result.failures.append("the server did not start")
    return result


def _run_suite(store: dict[str, str], xml: Path, result: Result) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={xml}",
            *(str(HERE / name) for name in SUITE),
        ],
        check=False, env=os.environ | store,
    )  # fmt: skip
    for case in ET.parse(xml).getroot().iter("testcase"):
        name = case.get("name", "")
        outcome = next(
            (kind.tag for kind in case if kind.tag in {"failure", "error", "skipped"}), "passed"
        )
        for uploader in [kind for kind in UPLOADERS if kind in name] or UPLOADERS:
            result.counts[uploader, outcome] += 1
        if outcome in {"failure", "error"}:
            result.failures.append(name)


def table(results: Iterable[Result]) -> Iterator[str]:
    """Say in Markdown how the tests ended; those that concern both uploaders count for each."""
    yield "| server | version | uploader | passed | failed | skipped |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for result in results:
        if not result.counts:
            yield f"| {result.name} | {result.version} | | | | |"
            continue
        for uploader in UPLOADERS:
            count = {kind: result.counts[uploader, kind] for kind in ("passed", "skipped")}
            failed = result.counts[uploader, "failure"] + result.counts[uploader, "error"]
            yield (
                f"| {result.name} | {result.version} | {uploader} "
                f"| {count['passed']} | {failed} | {count['skipped']} |"
            )


def abilities(results: Iterable[Result]) -> Iterator[str]:
    """Say in Markdown what each server can do."""
    tried = [result for result in results if result.answers]
    yield f"| the bucket can | {' | '.join(result.name for result in tried)} |"
    yield f"| --- |{' --- |' * len(tried)}"
    for ability in ABILITIES:
        answers = " | ".join(result.answers[ability.name] for result in tried)
        yield f"| {ability.about} | {answers} |"


def main() -> None:
    """Run what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", help=f"of {', '.join(SERVERS)}; all without")
    parser.add_argument("--markdown", type=Path, help="write the tables there too")
    given = parser.parse_args()
    if unknown := set(given.servers) - SERVERS.keys():
        parser.error(f"no such server: {', '.join(unknown)}")
    results = [examine(name, SERVERS[name]) for name in given.servers or SERVERS]
    said = "\n".join([*table(results), "", *abilities(results)])
    print(said)
    if given.markdown:
        given.markdown.write_text(f"{said}\n")
    for result in results:
        for failure in result.failures:
            print(f"{result.name}: {failure}", file=sys.stderr)
    missing = given.servers and not all(result.counts for result in results)
    sys.exit(1 if missing or any(result.failures for result in results) else 0)


if __name__ == "__main__":
    main()
