"""Finds out what a bucket does, so that nothing has to be believed.

An object is put by the very request that an upload sends, with its encryption, checksum, condition
and headers: a store that does not know one of them is found here and not by the first emails.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mailvault.errors import StoreBusyError, StoreUnreachableError
from mailvault.store.boto_errors import explain
from mailvault.store.probe.abilities import ABILITIES, PUT, READ
from mailvault.store.probe.ability import Ability, Seen, no
from mailvault.store.probe.trial import open_trial

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.store.probe.trial import Trial

__all__ = ["ABILITIES", "Ability", "Learned", "Seen", "learn", "probe"]


def probe(settings: Settings) -> Settings:
    """Put and delete one object below `.mailvault/`; takes ten seconds at most.

    Returns:
        The settings, with what `S3_SSE=auto` stands for: `none` where the store refuses it.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store is out of reach or refuses us; the text says why and where.
    """
    with open_trial(settings) as trial:
        trial.put_first()
        trial.delete()
        return trial.settings


@dataclass(frozen=True, slots=True)
class Learned:
    """What a bucket was seen to do.

    Attributes:
        settings: Those it was asked with, and what `S3_SSE=auto` stands for.
        seen: For each ability in turn, whether it has it.
        server: How the store calls itself; None if it does not.
        ahead: By how much its clock is ahead of this machine's, to a second; None if it has none.
    """

    settings: Settings
    seen: tuple[tuple[Ability, Seen], ...]
    server: str | None
    ahead: timedelta | None

    def can(self, name: str) -> bool:
        """Whether the bucket has the ability of this name."""
        return any(seen.answer == "yes" for ability, seen in self.seen if ability.name == name)


def learn(settings: Settings) -> Learned:
    """Try all that may be asked of the bucket; leaves nothing behind where we may delete.

    Raises:
        ConfigError: A setting is missing or malformed, or there are no credentials.
        UnreachableError: The store is out of reach or refuses us; the text says why and where.
    """
    headers: dict[str, str] = {}
    with open_trial(settings) as trial:
        trial.destination.client.meta.events.register(
            "after-call.s3", lambda http_response, **_: headers.update(http_response.headers)
        )
        seen = tuple((ability, _attempt(ability, trial)) for ability in ABILITIES)
    told = {name.lower(): value for name, value in headers.items()}
    return Learned(trial.settings, seen, told.get("server"), _ahead(told.get("date")))


def _attempt(ability: Ability, trial: Trial) -> Seen:
    """Try one ability; what the store says against it is its answer, unless it is out of reach."""
    try:
        return ability.attempt(trial)
    except ClientError as error:
        kind, detail = explain(error)
        if ability is PUT or kind in {StoreBusyError, StoreUnreachableError}:
            raise
        if ability is not READ and error.operation_name in {"GetObject", "HeadObject"}:
            return Seen("not tried", "it could not be read back")
        return no(" ".join(detail.split()))
    except KeyError as error:
        return no(f"its answer has no {error.args[0]}")


def _ahead(date: str | None) -> timedelta | None:
    return parsedate_to_datetime(date) - datetime.now(UTC) if date else None
