"""Workers by the hundred: one process imports mailvault, and forks `mailvault work` when asked.

Run as `python -m tests.kills.workers LOG ROOT…`, it reads requests from stdin and answers on
stdout, one JSON object a line. A fork has what a new process would have after its imports: no
thread, no connection, no file of ours. `Workers` is the other end.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

import boto3
import botocore.session

from tests.kills import calls, ptrace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.kills.ptrace import Call

Moment = Literal["before", "after"]

TIMEOUT = 60


@dataclass
class Run:
    """How one worker went.

    Attributes:
        code: Its exit code; negative for the signal that ended it.
        killed_at: The call that it was killed at, if it came so far.
        calls: How often it made each call, from its first connection to PostgreSQL on.
    """

    code: int
    killed_at: str | None
    calls: dict[str, int]


class Countdown:
    """Counts the calls of all threads together, and kills the process at one of them.

    Args:
        describe: Names a call; None where it does not count.
        point: Which one to kill it at; None to let it run.
        moment: Before the call is made, or after it, when nobody learns its result any more.
    """

    def __init__(
        self, describe: Callable[[Call], str | None], point: int | None, moment: Moment
    ) -> None:
        self._describe = describe
        self._point = point
        self._moment = moment
        self.calls: Counter[str] = Counter()
        self.killed_at: str | None = None

    def watch(self, tracee: ptrace.Tracee) -> int:
        """Let it run to its end, or to that call; return its exit code."""
        last = ""

        def kill() -> None:
            self.killed_at = last
            tracee.kill()

        def before(call: Call) -> bool:
            nonlocal last
            if self.calls.total() == self._point:
                return False
            what = self._describe(call)
            if what is None:
                return False
            last = what
            self.calls[what] += 1
            if self.calls.total() != self._point:
                return False
            if self._moment == "before":
                kill()
            return self._moment == "after"

        return tracee.run(before, kill)


def _work(arguments: Sequence[str], log: str) -> None:
    from mailvault.cli import main  # noqa: PLC0415  # imported before the first fork

    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(said, descriptor)
    main(arguments)


def _import_all() -> None:
    """Leave nothing to a worker that takes long and is the same each time."""
    for module in ("mailvault.cli", "mailvault.worker.process", "mailvault.store.rust"):
        importlib.import_module(module)
    # botocore looks through a thousand directories of its own for each client.
    loader = botocore.session.create_loader()
    botocore.session.create_loader = lambda *_: loader
    boto3.Session(region_name="us-east-1").client("s3").close()


def serve(log: str, roots: Sequence[str]) -> None:
    """Fork a worker for each request, and tell how it went."""
    _import_all()
    port = urlsplit(os.environ["S3_ENDPOINT"]).port
    assert port is not None
    for line in sys.stdin:
        request = json.loads(line)
        places = calls.Places({port: "the store"}, [Path(root) for root in roots])
        countdown = Countdown(places.describe, request["point"], request["moment"])
        arguments = request["arguments"]
        tracee = ptrace.Tracee(ptrace.fork(lambda: _work(arguments, log), calls.NUMBERS))  # noqa: B023
        code = countdown.watch(tracee)
        run = Run(code, countdown.killed_at, dict(countdown.calls))
        print(json.dumps(asdict(run)), flush=True)  # noqa: T201


class Workers:
    """Starts workers in a process of its own, and ends them where it is asked to."""

    def __init__(self, environment: dict[str, str], log: Path, roots: Sequence[Path]) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.workers", str(log), *map(str, roots)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=TIMEOUT)

    def run(self, *arguments: str, point: int | None = None, moment: Moment = "before") -> Run:
        """Run `mailvault` with arguments; kill it at its `point`-th call, before or after it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"arguments": arguments, "point": point, "moment": moment}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Run(**json.loads(self._process.stdout.readline()))


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
