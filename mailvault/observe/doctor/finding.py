"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["ok", "notice", "warning", "problem"]
"""ok: as it should be. notice: good to know. warning: it costs speed or space, or will. problem:
mail is not moved, or is lost sight of, until it is mended."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: Which check looked, in one word.
        severity: How bad it is.
        what: What was found, with the figures, in a sentence.
        remedy: A command or setting to copy; None where there is nothing to do.
    """

    check: str
    severity: Severity
    what: str
    remedy: str | None = None
