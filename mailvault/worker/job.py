"""One job in a worker's hands, from its lease to the outcome of its last part."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailvault.queue.outbox import Failure, StoredPart

if TYPE_CHECKING:
    from mailvault.errors import PartError
    from mailvault.models import Outcome
    from mailvault.queue.outbox import Lease
    from mailvault.source.description import SourcePart

MESSAGE_LIMIT = 2000
"""Characters of an error that are kept."""


def storable(message: str) -> str:
    """Cut an error, and leave what PostgreSQL takes as text: no NUL, and only characters."""
    cut = message if len(message) <= MESSAGE_LIMIT else f"{message[:MESSAGE_LIMIT]}…"
    return cut.replace("\0", " ").encode(errors="replace").decode()


@dataclass(slots=True)
class Job:
    """A lease, the parts it is about, and what came of them so far.

    Attributes:
        bytes_in_memory: What this job takes while it is with the uploader.
    """

    lease: Lease
    parts: list[SourcePart]
    stored: list[StoredPart] = field(default_factory=list)
    errors: list[PartError] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    claimed_at: float = field(default_factory=time.monotonic)
    bytes_in_memory: int = field(init=False)

    def __post_init__(self) -> None:
        """Add the bytes up once: they are asked for again and again."""
        self.bytes_in_memory = sum([part.bytes_in_memory for part in self.parts])

    @property
    def finished(self) -> bool:
        """Whether every part has its outcome."""
        return len(self.stored) + len(self.errors) >= len(self.parts)

    def note(self, part: SourcePart, content_type: str, outcome: Outcome) -> None:
        """Take down how the upload of a part ended."""
        if outcome.stored is not None:
            stored = StoredPart(part.kind, part.part_key, content_type, outcome.stored)
            self.stored.append(stored)
        else:
            assert outcome.error is not None
            self.refuse(f"{part.kind} {part.part_key}", outcome.error)

    def refuse(self, what: str, error: PartError) -> None:
        """Take down that something of the email cannot be stored."""
        self.errors.append(error)
        self.messages.append(f"{what}: {error}")

    def failure(self) -> Failure:
        """Sum the errors up: one that no further attempt can mend goes before the others."""
        error, message = min(
            zip(self.errors, self.messages, strict=True), key=lambda noted: noted[0].retryable
        )
        if len(self.errors) > 1:
            message += f" (and {len(self.errors) - 1} more)"
        return Failure(error.reason, storable(message), error.retryable)
