"""Plays many seeds, a few at a time, each process with servers of its own."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import mkdtemp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from deploy import embedded

from tests.fault.seeds.plan import make_plan
from tests.fault.seeds.play import Result, play
from tests.fault.seeds.slot import Slot
from tests.fault.seeds.table import line, missing, table

SLOTS = 2
STORE = ("S3_ENDPOINT", "S3_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

slots: list[Slot] = []
"""The one slot of this process."""


def _open_slot(directory: Path, store: dict[str, str]) -> None:
    process = multiprocessing.current_process()
    slots.append(Slot(directory / f"slot-{process.pid}", store))


def _play(seed: int) -> Result:
    return play(make_plan(seed), slots[0])


def run(seeds: str, count: int = SLOTS) -> int:
    """Run all seeds of a range, or one; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with what is below ended, too
    first, _, last = seeds.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    directory = Path(mkdtemp(prefix="mailvault-fault-"))
    server = embedded.S3Server(directory / "s3")
    server.start()
    everything = embedded.environment("", server.endpoint)
    store = {name: everything[name] for name in STORE}
    began = time.monotonic()
    results: list[Result] = []
    try:
        with ProcessPoolExecutor(
            min(count, len(numbers)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open_slot,
            initargs=(directory, store),
        ) as pool:
            for future in as_completed([pool.submit(_play, seed) for seed in numbers]):
                results.append(future.result())
                print(line(results[-1]), flush=True)
    finally:
        for postgres in directory.glob("slot-*/postgres"):
            embedded.stop_postgres(postgres)
        server.stop()
    print(table(results, time.monotonic() - began))
    failed = [result.plan.seed for result in results if result.error]
    for result in results:
        if result.error:
            print(f"\nseed {result.plan.seed}, logs below {directory}:\n{result.error}")
            print(f"again: make fault SEEDS={result.plan.seed}")
    short = missing(results)
    for complaint in short:
        print(complaint)
    return 1 if failed or short else 0
