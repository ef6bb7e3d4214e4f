"""What to do about each reason for a failure."""

_AGAIN = "mailvault retry --all --reset"

_HINTS = {
    "file_missing": f"put the files back, then: {_AGAIN}",
    "file_unreadable": f"let the worker's user read them, then: {_AGAIN}",
    "file_fault": f"see what the disk says, then: {_AGAIN}",
    "file_refused": f"correct the paths in the source, then: {_AGAIN}",
    "body_unreadable": f"look at the rows in the source, then: {_AGAIN}",
    "store_refused": f"see what the store says, then: {_AGAIN}",
    "key_taken": "see what is in the bucket under this key: it is not this email's",
    "source_busy": f"give the worker's role a longer statement_timeout, then: {_AGAIN}",
    "postgres_cancelled": f"give the worker's role a longer statement_timeout, then: {_AGAIN}",
    "postgres_denied": f"see which grant or policy refuses the worker's role, then: {_AGAIN}",
    "write_back": f"see why the application's table refuses the update, then: {_AGAIN}",
    "worker_lost": "these emails were in hand when workers died; look at one before a retry",
    "timeout": f"a worker hung; see its log, then: {_AGAIN}",
}


def hint_for(reason: str) -> str:
    """Return what an operator can do about failures with this reason."""
    return _HINTS.get(reason, _AGAIN)
