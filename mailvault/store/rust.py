"""The uploader of the compiled extension, behind the Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault import _rust
from mailvault.errors import PART_ERRORS
from mailvault.models import Outcome, StoredObject
from mailvault.store.object_headers import object_headers
from mailvault.store.options import s3_store
from mailvault.store.pace import PACE, UPLOAD
from mailvault.store.slices import PART_SIZE, SLICES
from mailvault.store.uploader import RequestWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.config import Settings
    from mailvault.models import Part


class RustUploader:
    """An `Uploader` on the extension, whose threads never wait for the interpreter."""

    def __init__(
        self,
        settings: Settings,
        *,
        concurrency: int,
        max_bytes: int,
        part_size: int = PART_SIZE,
        slices: int = SLICES,
    ) -> None:
        self._uploader = _rust.Uploader(
            s3_store(settings, UPLOAD),
            concurrency=concurrency,
            max_bytes=max_bytes,
            part_size=part_size,
            slices=slices,
            headers=object_headers(settings),
            patience=UPLOAD,
            pace=PACE,
        )

    @property
    def name(self) -> str:
        """`rust`."""
        return "rust"

    def submit(self, parts: Sequence[Part]) -> None:
        """Take parts over and return at once; their bytes are not copied.

        Raises:
            RuntimeError: The uploader is closed.
        """
        self._uploader.submit(parts)

    def completed(self, timeout: float) -> list[Outcome]:
        """Return the outcomes that are in, waiting up to `timeout` seconds for the first one."""
        return [
            Outcome(number, StoredObject._make(stored))
            if stored
            else Outcome(number, error=PART_ERRORS[reason](message))
            for number, stored, reason, message in self._uploader.completed(timeout)
        ]

    def limit(self, bytes_per_second: int | None) -> None:
        """Send so many bytes a second from now on; None for as many as there are."""
        self._uploader.limit(bytes_per_second)

    def window(self) -> RequestWindow:
        """Return how many requests may be at the store now."""
        return RequestWindow(*self._uploader.window())

    def close(self, *, abort: bool = False) -> None:
        """End all uploads: wait for those under way, or with `abort` give them up."""
        self._uploader.close(abort=abort)
