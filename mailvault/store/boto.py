"""The uploader that needs no compiled extension: boto3 on threads."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from mailvault.errors import PartError, StoreFaultError
from mailvault.models import Outcome
from mailvault.store.boto_object import upload
from mailvault.store.boto_target import GivenUpError, Target, encryption
from mailvault.store.budget import ByteBudget
from mailvault.store.options import PART_SIZE, SLICES, boto_client, bucket_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.config import Settings
    from mailvault.models import Part

_MOST_THREADS = 64
"""boto3 uses a core up with fewer; more of them only wait for the interpreter."""

_ABORT_TIMEOUT = 15.0


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
        self._uploads = ThreadPoolExecutor(threads, "mailvault-upload")
        self._senders = ThreadPoolExecutor(2 * slices, "mailvault-slice")
        self._target = Target(
            client=boto_client(settings, connections=threads + 2 * slices),
            bucket=bucket_name(settings),
            encryption=encryption(settings),
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

    def close(self, *, abort: bool = False) -> None:
        """End all uploads: wait for those under way, or with `abort` give them up.

        A request that is under way cannot be taken back; it is waited for, 15 seconds at most.
        """
        if abort:
            self._target.given_up.set()
        self._uploads.shutdown(wait=not abort, cancel_futures=abort)
        with self._lock:
            pending = set(self._pending)
        wait(pending, timeout=_ABORT_TIMEOUT if abort else None)
        self._senders.shutdown(wait=not abort, cancel_futures=abort)
        self._target.client.close()

    def _run(self, part: Part) -> None:
        try:
            self._target.check_wanted()
            outcome = Outcome(part.number, stored=upload(self._target, part))
        except GivenUpError:
            return
        except PartError as error:
            outcome = Outcome(part.number, error=error.with_traceback(None))
        except Exception as error:  # noqa: BLE001  # a part without an outcome is waited for
            fault = StoreFaultError(f"the uploader failed: {type(error).__name__}")
            outcome = Outcome(part.number, error=fault)
        self._outcomes.put(outcome)

    def _forget(self, future: Future[None]) -> None:
        with self._lock:
            self._pending.discard(future)
