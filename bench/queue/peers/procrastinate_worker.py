"""procrastinate: `prepare DSN JOBS` and `work DSN CONCURRENCY`, in the peers' environment.

With its asynchronous connector on uvloop, an asynchronous task, a connection for each job in
hand, and finished jobs deleted, which keeps its table small. It claims one job at a time.
"""

from __future__ import annotations

import logging
import sys

import uvloop
from procrastinate import App, PsycopgConnector

from bench.queue.marks import Marks

CHUNK = 1000


async def prepare(dsn: str, jobs: int) -> None:
    """Install the schema and defer."""
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for start in range(0, jobs, CHUNK):
            deferrer = app.configure_task("noop", allow_unknown=True)
            await deferrer.batch_defer_async(*[{}] * min(CHUNK, jobs - start))


async def work(dsn: str, concurrency: int) -> None:
    """Run until terminated."""
    logging.disable(logging.INFO)
    marks = Marks()

    async def noop() -> None:
        marks.done(1)

    connector = PsycopgConnector(conninfo=dsn, min_size=concurrency + 1, max_size=concurrency + 1)
    app = App(connector=connector)
    app.task(name="noop")(noop)
    async with app.open_async():
        marks.wait_for_start()
        await app.run_worker_async(concurrency=concurrency, delete_jobs="always")


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        uvloop.run(prepare(sys.argv[2], int(sys.argv[3])))
    else:
        uvloop.run(work(sys.argv[2], int(sys.argv[3])))
