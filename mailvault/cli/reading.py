"""Reads what is written in arguments and options, where click has no type for it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from mailvault.config import Size

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_by(parse: Callable[[str], T]) -> Callable[..., T | None]:
    """Return a callback for click: what cannot be read, for a ValueError, is wrong usage."""

    def callback(_: click.Context, __: click.Parameter, text: str | None) -> T | None:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def checked_by(parse: Callable[[str], object]) -> Callable[..., str | None]:
    """Return a callback that keeps the text as it is written, if it can be read."""
    read = read_by(parse)

    def callback(
        context: click.Context, parameter: click.Parameter, text: str | None
    ) -> str | None:
        read(context, parameter, text)
        return text

    return callback


def span(text: str) -> timedelta:
    """Read a span of time: `90s`, `15m`, `2h`, `1d`.

    Raises:
        ValueError: It is none.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", text, re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is not a time such as 90s, 15m, 2h or 1d.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def size(text: str) -> int:
    """Read a number of bytes: `300M`, `1G`, in powers of 1,024.

    Raises:
        ValueError: It is none.
    """
    try:
        read = TypeAdapter(Size).validate_python(text)
    except ValidationError:
        read = None
    if not read:
        raise ValueError(f"{text!r} is not a size such as 300M or 1G.")
    return int(read)


def number_or_default(text: str) -> int:
    """Read a number from 1 on; `default` is 0.

    Raises:
        ValueError: It is neither.
    """
    if text == "default":
        return 0
    if re.fullmatch(r"[1-9]\d{0,6}", text, re.ASCII) is None:
        raise ValueError(f"{text!r} is neither a number from 1 on nor the word default.")
    return int(text)
