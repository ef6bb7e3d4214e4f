"""The command line: one file per command; each parses, calls and prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import psycopg

from mailvault import __version__
from mailvault.cli.control import cancel, pause, resume
from mailvault.cli.doctor import doctor
from mailvault.cli.enqueue import enqueue
from mailvault.cli.failed import failed, retry
from mailvault.cli.import_ import import_
from mailvault.cli.init import init
from mailvault.cli.seed import seed
from mailvault.cli.status import status
from mailvault.cli.work import work
from mailvault.db import explain
from mailvault.errors import MailvaultError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def mailvault() -> None:
    """Move email bodies and attachments out of PostgreSQL and local disk into S3.

    \b
    mailvault enqueue --all        what to move
    mailvault work -j 16           move it
    mailvault status               how far
    mailvault retry --reset        again, what failed
    """


COMMANDS = (
    init, seed, import_, enqueue, work, status, failed, retry, pause, resume, cancel, doctor,
)  # fmt: skip
for command in COMMANDS:
    mailvault.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: errors of ours become a line, a hint and an exit code."""
    try:
        code = mailvault.main(arguments, prog_name="mailvault", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except psycopg.Error as error:
        code = _complain(explain(error))
    except MailvaultError as error:
        code = _complain(error)
    sys.exit(code)


def _complain(error: MailvaultError) -> int:
    click.echo(f"mailvault: {error}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    return error.exit_code
