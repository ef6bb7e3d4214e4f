"""The uploader that needs no compiled extension: boto3 on threads."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from mailvault.errors import PartError, StoreFaultError
from mailvault.models import Outcome
from mailvault.store.boto_object import upload
from mailvault.store.boto_target import GivenUpError, Target
from mailvault.store.budget import ByteBudget
from mailvault.store.options import boto_client, bucket_name
from mailvault.store.pacer import Pacer
from mailvault.store.slices import PART_SIZE, SLICES
from mailvault.store.threads import DaemonThreads
from mailvault.store.uploader import RequestWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.config import Settings
    from mailvault.models import Part

_MOST_THREADS = 64
"""boto3 uses a core up with fewer; more of them only wait for the interpreter."""

_ABORT_TIMEOUT = 15.0
"""Seconds in which multipart uploads are aborted at the store."""

_LAST_ANSWERS = 2.0
"""Seconds in which other requests that are given up may still be answered."""


class BotoUploader:
    """An `Uploader` on boto3."""

    def __init__(
        self,
        settings: Settings,
        *,
        concurrency: int,
        max_bytes: int,
        part_size: int = PART_SIZE,
        slices: int = SLICES,
    ) -> None:
        threads = min(concurrency, _MOST_THREADS)
        # The slices of a single part may always go at once.
        self._pacer = Pacer(max(threads, slices))
        client = boto_client(settings, connections=threads + 2 * slices, pacer=self._pacer)
        self._uploads = DaemonThreads(threads, "mailvault-upload")
        self._senders = DaemonThreads(2 * slices, "mailvault-slice")
        self._target = Target(
            client=client,
            bucket=bucket_name(settings),
            budget=ByteBudget(max_bytes),
            part_size=part_size,
            slices=slices,
            senders=self._senders,
        )
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._pending: set[Future[None]] = set()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """`boto3`."""
        return "boto3"

    def submit(self, parts: Sequence[Part]) -> None:
        """Take parts over and return at once.

        Raises:
            RuntimeError: The uploader is closed.
        """
        for part in parts:
            future = self._uploads.submit(self._run, part)
            with self._lock:
                self._pending.add(future)
            future.add_done_callback(self._forget)

    def completed(self, timeout: float) -> list[Outcome]:
        """Return the outcomes that are in, waiting up to `timeout` seconds for the first one."""
        outcomes: list[Outcome] = []
        try:
            outcomes.append(self._outcomes.get(timeout=max(timeout, 0)))
            while True:
                outcomes.append(self._outcomes.get_nowait())
        except queue.Empty:
            return outcomes

    def limit(self, bytes_per_second: int | None) -> None:
        """Send so many bytes a second from now on; None for as many as there are."""
        self._pacer.limit(bytes_per_second)

    def window(self) -> RequestWindow:
        """Return how many requests may be at the store now."""
        return RequestWindow(*self._pacer.window())

    def close(self, *, abort: bool = False) -> None:
        """End all uploads: wait for those under way, or with `abort` give them up.

        A request that is under way cannot be taken back. It is waited for, two seconds at most,
        or fifteen where a multipart upload is to be aborted; what is not answered by then is left
        to threads that end with the process.
        """
        if abort:
            self._target.given_up.set()
            self._pacer.limit(None)  # so that nobody waits for bandwidth before it gives up
        self._uploads.shutdown(wait=not abort, cancel_futures=abort)
        if abort:
            self._wait_for_aborts()
        self._senders.shutdown(wait=not abort, cancel_futures=abort)
        self._target.client.close()

    def _wait_for_aborts(self) -> None:
        with self._lock:
            pending = set(self._pending)
        started = time.monotonic()
        while pending and (passed := time.monotonic() - started) < _ABORT_TIMEOUT:
            if passed >= _LAST_ANSWERS and not self._target.multiparts:
                return
            _, pending = wait(pending, timeout=0.1)

    def _run(self, part: Part) -> None:
        try:
            self._target.check_wanted()
            outcome = Outcome(part.number, stored=upload(self._target, part))
        except GivenUpError:
            return
        except PartError as error:
            outcome = Outcome(part.number, error=error.with_traceback(None))
        except Exception as error:  # noqa: BLE001  # a part without an outcome is waited for
            if self._target.given_up.is_set():
                return
            fault = StoreFaultError(f"the uploader failed: {type(error).__name__}")
            outcome = Outcome(part.number, error=fault)
        self._outcomes.put(outcome)

    def _forget(self, future: Future[None]) -> None:
        with self._lock:
            self._pending.discard(future)
