"""Invents mail: thousands a second, and the same again for the same number."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from mailvault.source.intake import EmailRow, FileRow, Intake
from mailvault.source.seed_files import FileMaker
from mailvault.source.seed_words import make_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import psycopg

CHUNK = 1000
LATEST = datetime(2026, 6, 30, tzinfo=UTC)
"""Mail ends here and goes four years back; today's date would make each run different."""
YEARS = 4

SMALLEST_BODY, LARGEST_BODY = 1_100, 48_000
ONE_IN_HUGE = 4000
"""One body in so many is of one to five megabytes: an endless thread, or a report."""
HUGE = 5_000_000

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


@dataclass(slots=True)
class Seeded:
    """What has been added."""

    attachments: int = 0
    size: int = 0

    def add(self, chunk: _Chunk) -> None:
        """Count what has been committed."""
        self.attachments += len(chunk.files)
        self.size += sum(len(row.body or "") for row in chunk.emails)
        self.size += sum(row.size for row in chunk.files)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows that are committed together; their files are written."""

    emails: list[EmailRow] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)


class _Draft(NamedTuple):
    subject: str
    sender: str
    recipients: str
    body: str
    received_at: datetime


class MailMaker:
    """Makes emails and their attachments from one stream of random numbers."""

    def __init__(self, number: int, attachments: tuple[int, int]) -> None:
        self._random = Random(number)  # noqa: S311  # nothing secret
        self._attachments = attachments
        self._words = make_words(number)
        self._files = FileMaker(self._random, self._words.lines)
        self._row = sum(map(len, self._words.rows)) / len(self._words.rows)
        # A body is a piece of this, which costs one random number instead of one for each row.
        self._rows = self._random.choices(self._words.rows, k=2 * round(HUGE / self._row))

    def email(self) -> _Draft:
        """Invent one email."""
        choice = self._random.choice
        subject = choice(("", "", "", "Re: ", "Fwd: ")) + choice(self._words.subjects)
        people = self._random.choices(self._words.people, k=choice((2, 2, 2, 3, 4)))
        age = timedelta(seconds=self._random.randrange(YEARS * 365 * 86_400))
        return _Draft(subject, people[0], ", ".join(people[1:]), self._body(subject), LATEST - age)

    def _body(self, subject: str) -> str:
        if self._random.randrange(ONE_IN_HUGE):
            size = self._random.lognormvariate(8.5, 0.85)  # the median is 5 KB
            size = min(max(size, SMALLEST_BODY), LARGEST_BODY)
        else:
            size = self._random.uniform(1e6, HUGE)
        count = round(size / self._row)
        start = self._random.randrange(len(self._rows) - count)
        text = "".join(self._rows[start : start + count])
        return (
            f'<html><head><meta charset="utf-8"><title>{subject}</title></head>\n'
            f'<body><table width="600">\n{text}</table></body></html>\n'
        )

    def attachment_counts(self, emails: int) -> list[int]:
        """Say how many attachments each of the next emails has."""
        return [self._random.randint(*self._attachments) for _ in range(emails)]

    def add_attachment(self, intake: Intake, file_id: int, email_id: int) -> FileRow:
        """Invent one attachment and write its file."""
        kind, content = self._files.make()
        name = self._random.choice(self._words.names)
        slug = _NOT_PLAIN.sub("-", name).strip("-") or "file"
        return intake.add_file(
            file_id,
            email_id,
            filename=f"{name}.{kind.extension}",
            content_type=kind.content_type,
            content=content,
            ending=f"-{slug}.{kind.extension}",
        )


def seed_mail(  # noqa: PLR0913  # what, where to, and a way to tell
    connection: psycopg.Connection,
    directory: Path,
    *,
    emails: int,
    attachments: tuple[int, int],
    number: int,
    on_added: Callable[[int], None],
) -> Seeded:
    """Add invented mail to the quick start's tables, and its attachments below `directory`.

    Args:
        emails: How many.
        attachments: The least and the most that one has.
        number: The same number makes the same mail.
        on_added: Called with the number of emails after each commit, mostly by another thread.

    Raises:
        SchemaError: The tables are not there.
        ConfigError: The directory cannot be written to, or Faker is not installed.
    """
    done = Seeded()
    with Intake(connection, directory) as intake, ThreadPoolExecutor(1) as beside:

        def commit(chunk: _Chunk) -> None:
            intake.commit(chunk.emails, chunk.files)
            done.add(chunk)
            on_added(len(chunk.emails))

        maker = MailMaker(number, attachments)
        chunk = _Chunk()
        for start in range(0, emails, CHUNK):
            counts = maker.attachment_counts(min(CHUNK, emails - start))
            email_ids, file_ids = intake.reserve(len(counts), sum(counts))
            # PostgreSQL compresses the bodies of a chunk only when it has them all. That takes
            # nearly as long as we do for the next chunk, and needs nothing of us.
            committing = beside.submit(commit, chunk)
            chunk = _make_chunk(intake, maker, zip(email_ids, counts, strict=True), file_ids)
            committing.result()
        commit(chunk)
    return done


def _make_chunk(
    intake: Intake, maker: MailMaker, emails: Iterable[tuple[int, int]], file_ids: list[int]
) -> _Chunk:
    chunk = _Chunk()
    next_file = iter(file_ids)
    for email_id, attachments in emails:
        chunk.emails.append(EmailRow(email_id, *maker.email()))
        for file_id in islice(next_file, attachments):
            chunk.files.append(maker.add_attachment(intake, file_id, email_id))
    return chunk
