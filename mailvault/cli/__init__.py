"""The command line: one file per command; each parses, calls and prints."""

from __future__ import annotations

import sys
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import click
import psycopg

from mailvault.cli.secrets import redact, secrets_of
from mailvault.config import load_settings
from mailvault.db import explain
from mailvault.errors import MailvaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "init": "init:init",
    "seed": "seed:seed",
    "import": "import_:import_",
    "migrate": "migrate:migrate",
    "enqueue": "enqueue:enqueue",
    "work": "work:work",
    "workers": "workers:workers",
    "status": "status:status",
    "batches": "batches:batches",
    "failed": "failed:failed",
    "retry": "retry:retry",
    "pause": "control:pause",
    "resume": "control:resume",
    "set": "control:set_",
    "cancel": "control:cancel",
    "doctor": "doctor:doctor",
}
"""Where each command is, below this package, and what it is there."""


class Commands(click.Group):
    """Imports the command that is run, and all of them only to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return one of them; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = resolve_name(f"{__name__}.{COMMANDS[cmd_name]}")
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailvault")
def mailvault() -> None:
    """Move email bodies and attachments out of PostgreSQL and local disk into S3.

    \b
    mailvault migrate              the whole run, guided; or step by step:
    mailvault enqueue --all        what to move
    mailvault work -j 16           move it
    mailvault status               how far
    mailvault retry --reset        again, what failed
    """


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
