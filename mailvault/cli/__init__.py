"""The command line: one file per command; each parses, calls and prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import psycopg

from mailvault import __version__
from mailvault.cli.batches import batches
from mailvault.cli.control import cancel, pause, resume, set_
from mailvault.cli.doctor import doctor
from mailvault.cli.enqueue import enqueue
from mailvault.cli.failed import failed
from mailvault.cli.import_ import import_
from mailvault.cli.init import init
from mailvault.cli.migrate import migrate
from mailvault.cli.retry import retry
from mailvault.cli.secrets import redact, secrets_of
from mailvault.cli.seed import seed
from mailvault.cli.status import status
from mailvault.cli.work import work
from mailvault.cli.workers import workers
from mailvault.config import load_settings
from mailvault.db import explain
from mailvault.errors import MailvaultError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def mailvault() -> None:
    """Move email bodies and attachments out of PostgreSQL and local disk into S3.

    \b
    mailvault migrate              the whole run, guided; or step by step:
    mailvault enqueue --all        what to move
    mailvault work -j 16           move it
    mailvault status               how far
    mailvault retry --reset        again, what failed
    """


COMMANDS = (
    init, seed, import_, migrate, enqueue, work, workers, status, batches, failed, retry, pause,
    resume, set_, cancel, doctor,
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
    try:
        secrets = secrets_of(load_settings())
    except MailvaultError:  # then it is what is complained of, and nothing was read before it
        secrets = ()
    click.echo(f"mailvault: {redact(str(error), secrets)}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    return error.exit_code
