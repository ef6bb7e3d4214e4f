"""The settings of a test: its own, and nothing that lies about on the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault.config import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def settings_of(environment: Mapping[str, str], **changes: str | None) -> Settings:
    """What a program would read from these variables, with changes under the settings' names."""
    given = {name.lower(): value for name, value in environment.items()}
    return Settings(_env_file=None, **(given | changes))  # type: ignore[arg-type, call-arg]
