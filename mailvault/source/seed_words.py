"""Pools of words from Faker, of which mail is put together: Faker itself is far too slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailvault.errors import ConfigError

if TYPE_CHECKING:
    from faker import Faker

PEOPLE = 300
SUBJECTS = 800
ROWS = 500
LINES = 300

# What mail programs write around each sentence. PostgreSQL compresses it twice as fast as bare
# prose, and compressing is most of its work.
_ROW = (
    '<tr><td align="left" valign="top" style="padding:0 24px 16px;font-family:Helvetica,Arial,'
    'sans-serif;font-size:14px;line-height:20px;color:#333333">{}</td></tr>\n'
)

_LOCALES = {"en_US": 0.8, "de_DE": 0.1, "ja_JP": 0.05, "pt_BR": 0.05}
"""Where people come from; names and subjects are not all ASCII, as in real mail."""


@dataclass(frozen=True, slots=True)
class Words:
    """What mail is made of: always the same for the same number."""

    people: list[str]
    subjects: list[str]
    rows: list[str]
    lines: list[str]
    names: list[str]


def make_words(number: int) -> Words:
    """Fill the pools.

    Raises:
        ConfigError: Faker is not installed.
    """
    speakers = {locale: _speaker(locale, number) for locale in _LOCALES}
    english = speakers["en_US"]
    return Words(
        people=[_person(fake) for fake in _shared_out(speakers, PEOPLE)],
        subjects=[_phrase(fake, 6) for fake in _shared_out(speakers, SUBJECTS)],
        rows=[_ROW.format(english.sentence(14)) for _ in range(ROWS)],
        lines=[_line(english) for _ in range(LINES)],
        names=[_phrase(fake, 2) for fake in _shared_out(speakers, LINES)],
    )


def _speaker(locale: str, number: int) -> Faker:
    try:
        from faker import Faker  # noqa: PLC0415  # an extra that only the demo needs
    except ImportError:
        raise ConfigError(
            "Faker, which invents the mail, is not installed", hint="pip install 'mailvault[demo]'"
        ) from None
    fake = Faker(locale)
    fake.seed_instance(number)
    return fake


def _shared_out(speakers: dict[str, Faker], count: int) -> list[Faker]:
    return [
        speakers[locale] for locale, share in _LOCALES.items() for _ in range(round(count * share))
    ]


def _person(fake: Faker) -> str:
    return f'"{fake.name()}" <{fake.ascii_safe_email()}>'


def _phrase(fake: Faker, words: int) -> str:
    return fake.sentence(words).rstrip(".。")


def _line(fake: Faker) -> str:
    return f"{fake.iban()},{fake.last_name()},{fake.city()},{fake.pyint()},{fake.pyint()}\n"
