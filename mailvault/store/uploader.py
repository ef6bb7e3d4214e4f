"""What the worker asks of an uploader, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.models import Outcome, Part


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

    def close(self, *, abort: bool = False) -> None:
        """End all uploads: wait for those under way, or with `abort` give them up.

        A multipart upload that is given up is aborted at the store. Outcomes that are in can
        still be collected afterwards; parts that were given up have none.
        """
        ...
