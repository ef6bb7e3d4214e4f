"""Which uploader is used, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mailvault.errors import ConfigError
from mailvault.store.boto import BotoUploader

if TYPE_CHECKING:
    from mailvault.config import Settings, UploaderChoice
    from mailvault.store.uploader import Uploader


class OpenedUploader(NamedTuple):
    """An uploader, and in a few words why it is this one."""

    uploader: Uploader
    reason: str


def open_uploader(
    settings: Settings, *, choice: UploaderChoice, concurrency: int, max_bytes: int
) -> OpenedUploader:
    """Open the uploader that is asked for, or with `auto` the faster one that is there.

    Args:
        settings: The bucket and its credentials.
        choice: `auto`, `rust` or `boto3`.
        concurrency: Parts in flight at once.
        max_bytes: Bytes of files in memory at once.

    Raises:
        ConfigError: A setting is missing or malformed, or the extension is asked for and not
            there.
    """
    if choice == "boto3":
        uploader = BotoUploader(settings, concurrency=concurrency, max_bytes=max_bytes)
        return OpenedUploader(uploader, "asked for")
    try:
        from mailvault.store.rust import RustUploader  # noqa: PLC0415  # may not be there
    except ImportError:
        if choice == "rust":
            raise ConfigError(
                "the Rust uploader is not installed",
                hint="install a wheel of mailvault, or choose auto or boto3",
            ) from None
        uploader = BotoUploader(settings, concurrency=concurrency, max_bytes=max_bytes)
        return OpenedUploader(uploader, "the Rust extension is not installed")
    fast = RustUploader(settings, concurrency=concurrency, max_bytes=max_bytes)
    return OpenedUploader(fast, "asked for" if choice == "rust" else "the Rust extension is there")
