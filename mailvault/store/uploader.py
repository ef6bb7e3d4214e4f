"""What the worker asks of an uploader, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.models import Outcome, Part


class RequestWindow(NamedTuple):
    """How many requests may be at the store at once.

    Attributes:
        size: Now.
        ceiling: At the most, ever.
        trouble: Why it is fewer: `store_busy` where the store asked us to slow down, `latency`
            where its answers took ever longer, both within the last half minute; else None.
    """

    size: int
    ceiling: int
    trouble: str | None


class Uploader(Protocol):
    """Stores parts concurrently; each ends in exactly one outcome.

    An uploader never raises for a part: what went wrong with it is its outcome's error. Nothing
    is ever overwritten: an object that is there with the same bytes counts as stored, and one
    with other bytes makes the part go under `<stem>.<start of digest><suffix>`.
    """

    @property
    def name(self) -> str:
        """`rust` or `boto3`."""
        ...

    def submit(self, parts: Sequence[Part]) -> None:
        """Take parts over and return at once.

        Bytes of files are read only when they are sent, within the uploader's byte budget; bytes
        given in memory are the caller's to bound.
        """
        ...

    def completed(self, timeout: float) -> list[Outcome]:
        """Return the outcomes that are in, waiting up to `timeout` seconds for the first one."""
        ...

    def limit(self, bytes_per_second: int | None) -> None:
        """Send so many bytes a second from now on; None for as many as there are.

        What is under way is sent to its end; what waits for its turn goes by the new limit.
        """
        ...

    def window(self) -> RequestWindow:
        """Return how many requests may be at the store now; from any thread."""
        ...

    def close(self, *, abort: bool = False) -> None:
        """End all uploads: wait for those under way, or with `abort` give them up.

        A multipart upload that is given up is aborted at the store. Outcomes that are in can
        still be collected afterwards; parts that were given up have none.
        """
        ...
