"""The bucket: what it was seen to do, and its clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mailvault.errors import MailvaultError
from mailvault.observe.doctor.finding import Finding
from mailvault.observe.doctor.server import compare_clocks
from mailvault.store.probe import learn
from mailvault.store.profiles import encryption_of, profile_by_server, region_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.config import Settings
    from mailvault.observe.doctor.finding import Severity
    from mailvault.store.probe import Ability, Learned, Seen


@dataclass(frozen=True, slots=True)
class AbilityRow:
    """One thing that a store may be able to do, and what it means for this bucket.

    Attributes:
        ability: Which one, in one word.
        about: What the bucket does if it has it: "it can …".
        answer: Whether it does.
        detail: What it said or did, or why it was not tried.
        severity: How bad that is.
        mailvault: What mailvault does about it.
        remedy: A setting or right to copy; None where there is nothing to do.
    """

    ability: str
    about: str
    answer: Literal["yes", "no", "not tried"]
    detail: str
    severity: Severity
    mailvault: str
    remedy: str | None


@dataclass(frozen=True, slots=True)
class StoreReport:
    """All that was learned of a bucket."""

    rows: list[AbilityRow]
    findings: list[Finding]


def report(settings: Settings) -> StoreReport:
    """Try all that may be asked of the bucket."""
    try:
        learned = learn(settings)
    except MailvaultError as error:
        return StoreReport([], [Finding("bucket", "problem", str(error), error.hint or None)])
    rows = [_row(ability, seen, settings) for ability, seen in learned.seen]
    return StoreReport(rows, [_provider(learned), *_clock(learned)])


def bucket(settings: Settings) -> Iterator[Finding]:
    """Find a bucket that cannot be used, or that does not keep what it should."""
    found = report(settings)
    lacking = [row for row in found.rows if row.severity != "ok"]
    for row in lacking:
        what = f"bucket {settings.s3_bucket} does not {row.about} ({row.detail}): {row.mailvault}"
        yield Finding("bucket", row.severity, what, row.remedy)
    if found.rows and not lacking:
        yield Finding(
            "bucket", "ok",
            f"bucket {settings.s3_bucket} can do all that mailvault asks of it; "
            "mailvault doctor --store shows what that is",
        )  # fmt: skip
    yield from found.findings


def _row(ability: Ability, seen: Seen, settings: Settings) -> AbilityRow:
    lacks = seen.answer == "no"
    remedy = ability.remedy.format(bucket=settings.s3_bucket) if ability.remedy else None
    return AbilityRow(
        ability.name,
        ability.about,
        seen.answer,
        seen.detail,
        ability.severity if lacks else "ok",
        ability.instead if lacks else ability.use if seen.answer == "yes" else "nothing",
        remedy if lacks else None,
    )


def _provider(learned: Learned) -> Finding:
    """Say whose store it is taken for; what its server is called changes no request."""
    settings = learned.settings
    profile = profile_by_server(settings, learned.server)
    what = f"{profile.title}, region {region_of(settings)}, S3_SSE={encryption_of(settings)}"
    if profile.caution:
        return Finding("provider", "warning", f"{what}: {profile.caution}", "choose another store")
    return Finding("provider", "ok", what)


def _clock(learned: Learned) -> Iterator[Finding]:
    if learned.ahead is not None:
        yield compare_clocks("the store's", learned.ahead)
