"""One worker process: opens what the loop needs, runs it, and closes everything again."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from mailvault.db import Pool, connect, dsn, source_dsn
from mailvault.errors import MailvaultError
from mailvault.migrate import require_current
from mailvault.queue.outbox import Outbox
from mailvault.source.reader import SourceReader
from mailvault.source.replica import Replica
from mailvault.store.leftovers import abort_leftovers
from mailvault.store.open import open_uploader
from mailvault.store.probe import probe
from mailvault.worker.breaker import Breaker
from mailvault.worker.heart import Heart
from mailvault.worker.identity import Identity
from mailvault.worker.loop import Loop
from mailvault.worker.options import loop_options, retry_policy, upload_bytes
from mailvault.worker.patience import Patience
from mailvault.worker.settle import Settler

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings
    from mailvault.worker.options import WorkOptions
    from mailvault.worker.stop import Stop

GARBAGE_THRESHOLD = 100_000
"""Objects that are left over before Python looks for cycles among them. Emails leave hardly any,
and to look as often as Python does by itself takes a twentieth of a worker's CPU time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What a worker did: emails stored, made dead letters, and leases that were lost.

    `spent` says that it ended since it had done, or grown, as much as it may; `told` that an order
    or a signal ended it, without which it would have waited for more.
    """

    processed: int
    dead: int
    lost: int
    spent: bool
    told: bool

    @property
    def exit_code(self) -> int:
        """1 for work that is done with failures; one that was told to end did what it was told."""
        return 1 if self.dead and not self.told else 0


class Parent(NamedTuple):
    """The process that started this one: its id, and since when it runs (monotonic)."""

    pid: int
    since: float


def run_worker(
    settings: Settings,
    options: WorkOptions,
    stop: Stop,
    *,
    parent: Parent | None = None,
    at_work: Callable[[], None] = lambda: None,
) -> WorkResult:
    """Work in this process until there is nothing left or `stop` is requested.

    Where `parent` is given, it also stops when its parent is no longer that process. `at_work` is
    called once all that a worker needs was found to be there.

    Raises:
        MailvaultError: The database or the store cannot be used; no attempt was counted.
    """
    with connect(settings) as connection:
        require_current(connection)
    with ExitStack() as stack:
        pool = stack.enter_context(Pool(dsn(settings), stop.requested))
        reader = _open_reader(settings, options, stack, pool, stop)
        reader.check_root()
        settled = probe(settings)

        def check() -> None:
            reader.check_root()
            probe(settled)

        opened = open_uploader(
            settled,
            choice=options.uploader,
            concurrency=options.concurrency,
            max_bytes=upload_bytes(settings),
        )
        outbox = Outbox(pool, retry_policy(settings))
        patience = Patience(stop.requested)
        settler = Settler(outbox, patience)
        changed = threading.Event()
        loop = Loop(
            outbox,
            reader,
            opened.uploader,
            settler,
            Breaker(check),
            patience,
            stop,
            changed,
            loop_options(settings, options),
        )
        register = partial(
            outbox.register,
            host=socket.gethostname(),
            pid=os.getpid(),
            concurrency=options.concurrency,
            uploader=opened.uploader.name,
            uploader_reason=opened.reason,
            commanded=timedelta(seconds=time.monotonic() - parent.since if parent else 0),
        )
        patience.insist(register, divisible=True)  # what is refused for good is told at once
        Identity.worker = outbox.worker_id
        at_work()
        log.info(
            "worker %d: %d emails in flight, uploader %s (%s)",
            outbox.worker_id, options.concurrency, opened.uploader.name, opened.reason,
        )  # fmt: skip
        heart = Heart(outbox, loop, stop, changed, parent=parent.pid if parent else None)
        heart.start()
        gc.freeze()  # what is loaded by now stays
        gc.set_threshold(GARBAGE_THRESHOLD)
        started = time.monotonic()
        try:
            loop.run()
            with suppress(psycopg.Error, MailvaultError):
                if not stop.at_once and outbox.is_drained():
                    abort_leftovers(settings, outbox.stored)
        finally:
            patience.insist(partial(heart.end, "stopped"), divisible=True)
        _sum_up(outbox.worker_id, settler, loop, patience, time.monotonic() - started)
        told = not options.drain and (stop.was_asked or not loop.is_spent)
        return WorkResult(settler.processed, settler.dead, settler.lost, loop.is_spent, told)


def _open_reader(
    settings: Settings, options: WorkOptions, stack: ExitStack, pool: Pool, stop: Stop
) -> SourceReader:
    elsewhere = source_dsn(settings)
    replica = stack.enter_context(Pool(elsewhere, stop.requested)) if elsewhere else None
    reader = SourceReader(
        pool,
        settings.migration_files_root,
        by_content=settings.migration_keys == "content",
        compress=options.compress,
        replica=Replica(pool, replica) if replica else None,
    )
    return stack.enter_context(closing(reader))


def _sum_up(worker: int, settler: Settler, loop: Loop, patience: Patience, seconds: float) -> None:
    log.info(
        "worker %d: %d emails stored, %d failed for good, in %.1f s, of which it waited "
        "%.0f%% for the store and %.0f%% for PostgreSQL",
        worker, settler.processed, settler.dead, seconds,
        100 * loop.seconds_waited_for_store / seconds, 100 * patience.seconds / seconds,
    )  # fmt: skip
    if settler.adopted:
        log.info(
            "worker %d: %d objects were in the store already, as they were or from attempts "
            "without a record",
            worker, settler.adopted,
        )  # fmt: skip
