"""`mailvault import`: mail from files into the quick start's tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mailvault.cli.progress import progress_bar
from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.source.importer import import_mail
from mailvault.source.mailbox import Skipped, find_files

if TYPE_CHECKING:
    from mailvault.config import Settings


@click.command(name="import")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, readable=True, path_type=Path)
)
@click.option(
    "--files",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the attachments [default: MIGRATION_FILES_ROOT].",
)
@click.option(
    "--max-size",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    metavar="MB",
    help="Skip messages that are larger.",
)
@pass_settings
def import_(
    settings: Settings, paths: tuple[Path, ...], directory: Path | None, max_size: int
) -> None:
    """Import mbox files, Maildir folders, .eml files, or folders of any of them.

    Bodies go to the table emails, attachments to files below the files directory and to the
    table files. A message that cannot be imported is named and skipped, and the exit code is 1.
    Mail that is imported twice is there twice.

    \b
    Example:
      mailvault import ~/Maildir archive.mbox letter.eml
    """
    console = Console(stderr=True)
    total = _size(paths) if console.is_terminal else None
    with (
        connect(settings) as connection,
        progress_bar(console, "importing", total=total, in_bytes=True) as advance,
    ):
        summary = import_mail(
            connection,
            directory or settings.migration_files_root,
            paths,
            max_size=max_size * 1024**2,
            on_skip=lambda skipped: _name(console, skipped),
            on_read=advance,
        )
    click.echo(
        f"imported {summary.emails:,} emails and {summary.attachments:,} attachments, "
        f"skipped {summary.skipped:,}"
    )
    if summary.skipped:
        click.get_current_context().exit(1)


def _size(paths: tuple[Path, ...]) -> int:
    return sum(file.stat().st_size for file in find_files(paths))


def _name(console: Console, skipped: Skipped) -> None:
    """Say what was skipped in one line; names of files may hold anything."""
    line = f"skipped {skipped.name}: {skipped.reason}"
    clean = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    console.print(clean, markup=False, highlight=False, emoji=False, soft_wrap=True)
