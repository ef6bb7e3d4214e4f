# ruff: noqa: PYI021  # this is where the extension is described
"""The compiled uploader: bytes and files to S3, many at a time, off the interpreter's lock."""

from collections.abc import Sequence
from typing import TypeAlias, final

from obstore.store import S3Store

from mailvault.models import Encoding, Part
from mailvault.store.object_headers import ObjectHeaders
from mailvault.store.pace import Pace, Patience

__version__: str

_Stored: TypeAlias = tuple[
    str,
    int,
    bytes,
    str | None,
    bool,
    str | None,
    str | None,
    Encoding | None,
    int | None,
    bytes | None,
]
"""The fields of a `StoredObject`."""

_Outcome: TypeAlias = tuple[int, _Stored | None, str, str]
"""`(number, stored, reason, message)`.

Where `stored` is None, `reason` is one of `reasons()` and `message` is one line that says what
failed on what; otherwise both are empty.
"""

@final
class Uploader:
    """Stores parts concurrently on threads of its own.

    It must be made in the process that uses it: threads do not survive a fork. Dropped without
    `close`, it gives up what is under way and does not wait.
    """

    def __new__(
        cls,
        store: S3Store,
        *,
        concurrency: int,
        max_bytes: int,
        part_size: int,
        slices: int,
        headers: ObjectHeaders,
        patience: Patience,
        pace: Pace,
    ) -> Uploader:
        """Start the threads.

        Args:
            store: The bucket. A client of the extension's own is built from its configuration,
                with its `credential_provider`. Its time-outs and retries are not used, but for
                that of a connection: `patience` says what holds for a request.
            concurrency: Parts in flight at once, and requests (or `slices` of them, if that is
                more): the ceiling of the window.
            max_bytes: Bytes of files, and of what is compressed, in memory at once; what is
                larger than that goes alone.
            part_size: Largest part, in bytes, that is sent in one request, and the size of the
                slices of one that is not. S3 wants 5 MiB at least.
            slices: Slices of one part that are under way at once.
            headers: What each object asks of the store beside what its part says.
            patience: How long a request may take and how often it is made again. Its `connect` is
                in `store` already.
            pace: How the number of requests at the store grows and falls.

        Raises:
            ValueError: A limit is zero, a time is negative, or `store` is not an S3 store.
            AttributeError: `patience` or `pace` lacks a number.
            OSError: The threads cannot be started.
        """

    def submit(self, parts: Sequence[Part]) -> None:
        """Take parts over and return at once; their bytes are not copied.

        Parts with an `encoding` are compressed on the threads that read and hash.

        Raises:
            RuntimeError: The uploader is closed.
        """

    def completed(self, timeout: float) -> list[_Outcome]:
        """Return the outcomes that are in, waiting up to `timeout` seconds for the first one.

        The wait holds no lock and no signal ends it: keep it short where signals matter.
        """

    def limit(self, bytes_per_second: int | None) -> None:
        """Send so many bytes of bodies a second from now on; None for as many as there are.

        A body goes out whole when its turn comes, and the next one waits until it is paid for.
        What waits already goes by the new limit.

        Raises:
            ValueError: It is zero.
        """

    def window(self) -> tuple[int, int, str | None]:
        """Return `(size, ceiling, trouble)`: the fields of a `RequestWindow`."""

    def close(self, *, abort: bool = False) -> None:
        """End all uploads: wait for those under way, or with `abort` give them up.

        Giving up takes 15 seconds at most; multipart uploads are aborted at the store within
        that time. Another thread may give up what one is waiting for. Outcomes that are in can
        still be collected.
        """

def reasons() -> list[tuple[str, bool, bool]]:
    """Return `(reason, retryable, systemic)` for each way in which a part can fail here."""
