"""What a seed stands for: mail, workers, settings, and a timetable of faults."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum
from random import Random

MIB = 1024**2
MULTIPART = 8 * MIB + 1
"""The smallest size that is sent in slices."""

SHARE_OF_DEFAULT_CLOCKS = 20
"""One seed of so many runs by the intervals of the program, and not by shortened ones."""

LASTS = 2.0
"""Seconds that the mail would take without any fault, so that faults find work."""


class Kind(StrEnum):
    """A kind of fault."""

    KILL = "kill -9 of a worker"
    POSTGRES = "PostgreSQL stopped -m immediate"
    SQL_CUT = "connections to PostgreSQL cut and refused"
    SQL_HUNG = "connections to PostgreSQL silent"
    STORE_CUT = "connections to the store cut and refused"
    STORE_HUNG = "connections to the store silent"
    STORE_BUSY = "the store answers 503"
    STALL = "two workers stalled past their lease"
    TERM = "SIGTERM to a worker"
    RETRY = "retry --reset"
    ENQUEUE = "enqueue twice at once"


FORCES: list[Kind] = [kind for kind in Kind if kind not in {Kind.RETRY, Kind.ENQUEUE}]


@dataclass(frozen=True)
class Attachment:
    """One attachment; without a file, or outside the root, where `impossible`."""

    size: int
    impossible: str | None = None


@dataclass(frozen=True)
class Email:
    """One email, by its id; the bytes of its parts follow from the seed."""

    id: int
    size: int
    attachments: tuple[Attachment, ...] = ()

    @property
    def impossible(self) -> bool:
        """Whether it was planted to become a dead letter."""
        return any(attachment.impossible for attachment in self.attachments)


@dataclass(frozen=True)
class WorkerPlan:
    """One worker process."""

    concurrency: int
    uploader: str


@dataclass(frozen=True)
class Event:
    """A fault: when it begins, in seconds from the first work, how long it lasts, and where."""

    at: float
    kind: Kind
    lasts: float
    victim: int


@dataclass(frozen=True)
class Plan:
    """All that a seed determines."""

    seed: int
    default_clock: bool
    emails: tuple[Email, ...]
    first: int
    workers: tuple[WorkerPlan, ...]
    settings: dict[str, str]
    latency: float
    events: tuple[Event, ...]

    @property
    def parts(self) -> int:
        """Bodies and attachments that will be stored."""
        return sum(1 + len(email.attachments) for email in self.emails if not email.impossible)

    @property
    def planted(self) -> list[int]:
        """The emails that cannot succeed."""
        return [email.id for email in self.emails if email.impossible]


def make_plan(seed: int, *, default_clock: bool | None = None) -> Plan:
    """Return the plan of a seed; the clock is the seed's as well, unless given."""
    dice = Random(seed)
    by_default = seed % SHARE_OF_DEFAULT_CLOCKS == 0
    by_default = by_default if default_clock is None else default_clock
    events = _timetable(dice)
    stalls = any(event.kind is Kind.STALL for event in events)
    workers = tuple(
        WorkerPlan(dice.choice((2, 4, 8)), dice.choice(("rust", "rust", "boto3")))
        for _ in range(3 if stalls else dice.randint(1, 3))
    )
    emails = _mail(dice)
    in_flight = sum(worker.concurrency for worker in workers)
    settings = {
        "MIGRATION_BATCH_SIZE": str(dice.choice((7, 50, 1000))),
        # A lease that is lost counts, and on a busy machine a worker may be late for many.
        "MIGRATION_MAX_ATTEMPTS": "50",
        "MIGRATION_RETRY_DELAY": str(dice.choice((0.05, 0.5))),
        "MIGRATION_CHUNK_TIMEOUT": "300" if by_default else str(dice.choice((5, 10))),
    }
    return Plan(
        seed=seed,
        default_clock=by_default,
        emails=emails,
        first=dice.randint(len(emails) // 2, len(emails) - 5),
        workers=workers,
        settings=settings,
        latency=min(LASTS * in_flight / len(emails), 0.25),
        events=events,
    )


def _timetable(dice: Random) -> tuple[Event, ...]:
    """Three to five faults that may overlap, and in most seeds a retry and a double enqueue."""
    kinds: list[Kind] = dice.sample(FORCES, dice.randint(2, 4))
    kinds += [kind for kind in (Kind.RETRY, Kind.ENQUEUE) if dice.random() < 0.7]
    if dice.random() < 0.5:
        kinds.append(Kind.KILL)
    events = [
        Event(
            at=round(dice.uniform(0.05, 0.8 * LASTS), 3),
            kind=kind,
            lasts=round(dice.uniform(0.1, 1.0), 3),
            victim=dice.randrange(3),
        )
        for kind in kinds
    ]
    return tuple(sorted(events, key=lambda event: event.at))


def _mail(dice: Random) -> tuple[Email, ...]:
    count = dice.choice((30, 50, 80, 120, 300))
    large = dice.randrange(count) if dice.random() < 0.25 else None
    early = dice.randint(1, 5)  # one early, for whoever wants to retry it
    emails = []
    for number in range(1, count + 1):
        sizes = [dice.randint(0, 60_000) for _ in range(dice.choice((0, 0, 0, 1, 2)))]
        if number - 1 == large:
            sizes.append(MULTIPART + dice.randint(0, MIB))
        attachments = [Attachment(size) for size in sizes]
        if number == early or dice.random() < 0.02:
            attachments.append(Attachment(9, dice.choice(("no-such.bin", "../outside.bin"))))
        emails.append(Email(number, dice.randint(1, 20_000), tuple(attachments)))
    return tuple(emails)


def body(seed: int, email: Email) -> str:
    """The text of an email."""
    noise = Random(f"{seed} body {email.id}").randbytes(email.size * 3 // 4 + 1)
    return "<p>" + base64.b64encode(noise).decode()[: email.size]


def content(seed: int, email: Email, number: int) -> bytes:
    """The bytes of one attachment of an email, by its place."""
    dice = Random(f"{seed} attachment {email.id} {number}")
    return dice.randbytes(email.attachments[number].size)
