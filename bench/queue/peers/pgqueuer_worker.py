"""pgqueuer: `prepare DSN JOBS` and `work DSN BATCH MANAGERS`, in the peers' environment.

With asyncpg, its faster driver, and uvloop, as in its own benchmark; autovacuum as it recommends.
Durability is its default, `durable`: the others lose jobs in a crash, which no contender may.
Each manager has its connection, and all of one process share the process's event loop.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from bench.queue.marks import Marks

if TYPE_CHECKING:
    from pgqueuer.models import Job

CHUNK = 10_000


async def prepare(dsn: str, jobs: int) -> None:
    """Install the schema and enqueue."""
    queries = Queries(AsyncpgDriver(await asyncpg.connect(dsn)))
    await queries.install()
    await queries.optimize_autovacuum()
    for start in range(0, jobs, CHUNK):
        count = min(CHUNK, jobs - start)
        await queries.enqueue(["noop"] * count, [b""] * count, [0] * count)


async def work(dsn: str, batch: int, managers: int) -> None:
    """Run until terminated."""
    marks = Marks()

    async def noop(_job: Job) -> None:
        marks.done(1)

    queues = []
    for _ in range(managers):
        queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(dsn)))
        queue.entrypoint("noop")(noop)
        queues.append(queue)
    marks.wait_for_start()
    await asyncio.gather(*(queue.run(batch_size=batch) for queue in queues))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        uvloop.run(prepare(sys.argv[2], int(sys.argv[3])))
    else:
        uvloop.run(work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
