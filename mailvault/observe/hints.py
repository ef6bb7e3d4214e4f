"""What to do about each reason for a failure, and the command that sends it round again."""

from __future__ import annotations

from mailvault.errors import PART_ERRORS

_REMEDIES = {
    "file_missing": "put the files back",
    "file_unreadable": "let the worker's user read them",
    "file_fault": "see what the disk says",
    "file_refused": "correct the paths in the source",
    "body_unreadable": "look at the rows in the source",
    "store_refused": "see what the store says",
    "key_taken": "see what is in the bucket under this key: it is not this email's",
    "source_busy": "give the worker's role a longer statement_timeout",
    "postgres_cancelled": "give the worker's role a longer statement_timeout",
    "postgres_denied": "see which grant or policy refuses the worker's role",
    "write_back": "see why the application's table refuses the update",
    "worker_lost": "these emails were in hand when workers died: look at one",
    "timeout": "see the log of the worker that hung",
}


def is_retryable(reason: str) -> bool:
    """Return whether another attempt may help by itself."""
    error = PART_ERRORS.get(reason)
    return error.retryable if error else True


def remedy_for(reason: str) -> str | None:
    """Return what to mend before a retry; None where nothing is known to be."""
    return _REMEDIES.get(reason)


def retry_command(reason: str, batch: int | None = None) -> str:
    """Return the command that retries all failures with this reason, of one batch or of all."""
    only = "" if batch is None else f" --batch {batch}"
    return f"mailvault retry --reason {reason}{only} --reset"


def hint_for(reason: str) -> str:
    """Return what an operator can do about failures with this reason."""
    remedy, again = remedy_for(reason), retry_command(reason)
    return f"{remedy}, then: {again}" if remedy else again
