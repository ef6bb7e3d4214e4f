"""Every error that mailvault raises, and what each means for the email and for the operator.

Two families. A command that cannot go on raises a `MailvaultError` whose `exit_code` the shell
sees. A part that was not stored is reported with a `PartError`, a value in an outcome: its
`reason` groups failures, `retryable` says whether another attempt can help, and `systemic` says
that the fault is the system's and not the email's, so that no attempt is counted.
"""

from __future__ import annotations

from typing import ClassVar


class MailvaultError(Exception):
    """Something failed; the text says what, on what, and the hint what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(MailvaultError):
    """A setting, a flag or the mapping is wrong."""

    exit_code = 2


class SchemaError(ConfigError):
    """The database was not initialised, or is newer than this program."""


class UnreachableError(MailvaultError):
    """The database or the store cannot be reached or refuses us."""

    exit_code = 3


class PartError(MailvaultError):
    """One part of an email was not stored."""

    reason: ClassVar[str]
    retryable: ClassVar[bool] = False
    systemic: ClassVar[bool] = False


class SourceError(PartError):
    """The source's bytes could not be had."""


class FileMissingError(SourceError):
    """No file at the path that the source names."""

    reason = "file_missing"


class FileUnreadableError(SourceError):
    """The file is there, and the operating system refuses to read it."""

    reason = "file_unreadable"


class FileRefusedError(SourceError):
    """A path that leaves the root, or names something that is not a regular file."""

    reason = "file_refused"


class FileChangedError(SourceError):
    """The file changed while it was read."""

    reason = "file_changed"
    retryable = True


class FileFaultError(SourceError):
    """The disk or the file server failed under a file (EIO, ESTALE, ETIMEDOUT)."""

    reason = "file_fault"
    retryable = True


class OutOfResourcesError(SourceError):
    """This process or this machine has no file descriptors or no memory left."""

    reason = "out_of_resources"
    retryable = True
    systemic = True


class RootMissingError(SourceError):
    """The directory that files are read from is not there (not mounted, say)."""

    reason = "root_missing"
    retryable = True
    systemic = True


class BodyUnreadableError(SourceError):
    """PostgreSQL could not hand over the content of one row."""

    reason = "body_unreadable"


class RowGoneError(SourceError):
    """The row with the content went away after it was found: the next look finds what is left."""

    reason = "row_gone"
    retryable = True


class SourceBusyError(SourceError):
    """PostgreSQL did not hand over the content of one row in the time that it allows."""

    reason = "source_busy"
    retryable = True
    systemic = True


class SpoolError(SourceError):
    """A large body could not be copied to the temporary directory."""

    reason = "spool_failed"
    retryable = True
    systemic = True


class StoreError(PartError):
    """The store did not take the part."""


class StoreUnreachableError(StoreError):
    """No connection to the store, or it went away."""

    reason = "store_unreachable"
    retryable = True
    systemic = True


class StoreDeniedError(StoreError):
    """The credentials are wrong, expired, or lack a right."""

    reason = "store_denied"
    retryable = True
    systemic = True


class BucketMissingError(StoreError):
    """The bucket does not exist, or not in this region."""

    reason = "bucket_missing"
    retryable = True
    systemic = True


class StoreBusyError(StoreError):
    """The store asked us to slow down (503 SlowDown, 429)."""

    reason = "store_busy"
    retryable = True
    systemic = True


class StoreFullError(StoreError):
    """The store has no room left, or a quota is used up."""

    reason = "store_full"
    retryable = True
    systemic = True


class StoreUnableError(StoreError):
    """The store does not know how to do what is asked (501)."""

    reason = "store_unable"
    retryable = True
    systemic = True


class StoreFaultError(StoreError):
    """The store answered with an error of its own (5xx), or not in time."""

    reason = "store_fault"
    retryable = True


class StoreRefusedError(StoreError):
    """The store refuses this very request (4xx)."""

    reason = "store_refused"


class DamagedError(StoreError):
    """The bytes that arrived were not the bytes that were sent; the store refused them."""

    reason = "damaged"
    retryable = True


class KeyTakenError(StoreError):
    """The key, and the name with the digest added, hold other content."""

    reason = "key_taken"


def _concrete(family: type[PartError]) -> list[type[PartError]]:
    children = family.__subclasses__()
    return [family] if not children else [leaf for child in children for leaf in _concrete(child)]


PART_ERRORS: dict[str, type[PartError]] = {error.reason: error for error in _concrete(PartError)}
"""The class for each reason; the Rust extension and the database name reasons, not classes."""
