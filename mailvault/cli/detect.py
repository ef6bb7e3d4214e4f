"""`mailvault init --detect`: propose a mapping."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailvault.config import TOML_FILE, load_settings
from mailvault.db import connect
from mailvault.errors import ConfigError
from mailvault.source.detect import propose

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings

STDOUT = "-"
OUTPUT = "mailvault.detect.output"


def detect_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of detection, which is done in its place."""
    where = click.option(
        "-o", "--output", metavar="FILE", help="Where --detect writes; - to print it.",
        is_eager=True, expose_value=False, callback=_remember,
    )  # fmt: skip
    flag = click.option(
        "--detect", is_flag=True, help="Only propose a mapping, for the tables that are there.",
        expose_value=False, callback=_detect,
    )  # fmt: skip
    return flag(where(command))


def _remember(context: click.Context, _: click.Parameter, output: str | None) -> None:
    context.meta[OUTPUT] = output


def _detect(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    output = context.meta[OUTPUT]
    if wanted:
        detect(context.obj or load_settings(), output)
        context.exit()
    if output:
        raise click.UsageError("--output must be given with --detect")


def detect(settings: Settings, output: str | None) -> None:
    """Write a mapping for the tables of the database, and say what was found.

    It goes to `output`, or to a pipe, or else to mailvault.toml; no file is ever replaced.

    Raises:
        ConfigError: There is such a file; or nothing looks like mail.
    """
    target = output or (TOML_FILE if sys.stdout.isatty() else STDOUT)
    if target != STDOUT and Path(target).exists():
        raise _is_there(target)
    with connect(settings) as connection:
        proposal = propose(connection)
    if target == STDOUT:
        click.echo(proposal.text, nl=False)
    else:
        _write(Path(target), proposal.text)
    # Beside the mapping on its way to a file there is nothing but the mapping.
    for finding in proposal.findings:
        click.echo(finding, err=target == STDOUT)
    if target != STDOUT:
        click.echo(f"wrote {target}; see what would come of it: mailvault init --explain")


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _is_there(str(target)) from None
    except OSError as error:
        raise ConfigError(f"{target}: {error.strerror}") from None


def _is_there(target: str) -> ConfigError:
    return ConfigError(
        f"{target} is there already, and is not replaced",
        hint="name another file: mailvault init --detect --output FILE (- to print it)",
    )
