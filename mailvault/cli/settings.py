"""Hands a command the settings, when it runs and not before."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from mailvault.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings

P = ParamSpec("P")
R = TypeVar("R")


def pass_settings(command: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Give a command the settings, those of its context if there are any.

    Its `--help` works whatever they are.
    """

    @wraps(command)
    def run(*arguments: P.args, **flags: P.kwargs) -> R:
        given: Settings | None = click.get_current_context().obj
        return command(given or load_settings(), *arguments, **flags)

    return run
