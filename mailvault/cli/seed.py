"""`mailvault seed`: believable mail into the quick start's tables."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.filesize import decimal

from mailvault.cli.progress import progress_bar
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.source.seed import seed_mail

if TYPE_CHECKING:
    from mailvault.config import Settings

MOST_ATTACHMENTS = 100


def _range(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, int]:
    """Read `0-3`, or one number."""
    found = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", value, re.ASCII)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a range such as 0-3.")
    least, most = int(found[1]), int(found[2] or found[1])
    if not least <= most <= MOST_ATTACHMENTS:
        raise click.BadParameter(f"{value!r} must go up, to {MOST_ATTACHMENTS} at most.")
    return least, most


@click.command()
@click.option(
    "--emails",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="How many emails to add.",
)
@click.option(
    "--attachments",
    callback=_range,
    default="0-3",
    show_default=True,
    metavar="LEAST-MOST",
    help="How many attachments each has.",
)
@click.option(
    "--files",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the attachments [default: MIGRATION_FILES_ROOT].",
)
@click.option(
    "--seed",
    "number",
    type=int,
    default=1,
    show_default=True,
    help="The same number makes the same mail.",
)
@pass_settings
def seed(
    settings: Settings,
    emails: int,
    attachments: tuple[int, int],
    directory: Path | None,
    number: int,
) -> None:
    """Add invented mail to the quick start's tables, to try mailvault with.

    Attachments are real files below the files directory. Every run adds to what is there.

    \b
    Example:
      mailvault seed --emails 100000 --attachments 0-3 --files ./files
    """
    console = Console(stderr=True)
    started = time.monotonic()
    with (
        connect(settings) as connection,
        progress_bar(console, "seeding", total=emails) as advance,
    ):
        done = seed_mail(
            connection,
            directory or settings.migration_files_root,
            emails=emails,
            attachments=attachments,
            number=number,
            on_added=advance,
        )
    click.echo(
        f"seeded {emails:,} emails and {done.attachments:,} attachments "
        f"({decimal(done.size)}) in {time.monotonic() - started:.0f} s"
    )
