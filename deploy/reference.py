"""docs/reference.md, from the commands, settings and views themselves: `make reference`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

import click
import psycopg
from pydantic import ByteSize, SecretStr
from pydantic_core import PydanticUndefined

from mailvault.cli import mailvault
from mailvault.config import Settings
from mailvault.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

REFERENCE = Path("docs/reference.md")

WIDTH = 96

HEAD = """# Reference

Made from the program itself by `make reference`; a test holds it true.

Exit codes: 0 done, 1 done with failures, 2 wrong usage or configuration, 3 database or store out
of reach, 130 stopped by Ctrl-C before the end.
"""

SETTINGS = """
## Settings

A flag wins over the environment, that over `.env`, that over `mailvault.toml` (names in lower
case).

| setting | default | |
| --- | --- | --- |"""

RELATIONS = """
-- What psql shows: views, and functions that are for people.
select c.relname as name, obj_description(c.oid, 'pg_class') as about
from pg_class as c
where
    c.relnamespace = 'mailvault'::regnamespace
    and c.relkind = 'v'
    and c.relname not in ('source_email', 'source_part')  -- the mapping's, for nobody to read
order by c.relname
"""

FUNCTIONS = """
select
    p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
    obj_description(p.oid, 'pg_proc') as about
from pg_proc as p
where
    p.pronamespace = 'mailvault'::regnamespace
    and p.proname in ('enqueue', 'pause', 'resume', 'retry', 'clear', 'cancel',
                      'set_concurrency', 'stop_workers', 'shared_objects')
order by name
"""


def reference(connection: psycopg.Connection) -> str:
    """Return the whole text; the schema must be in the database."""
    lines = [HEAD, "## Commands"]
    lines += _commands(mailvault, "mailvault", None)
    lines += [SETTINGS, *(_setting(name, field) for name, field in Settings.model_fields.items())]
    for title, query in (("Views", RELATIONS), ("Functions for psql", FUNCTIONS)):
        lines += [f"\n## {title}\n", "| in schema mailvault | |", "| --- | --- |"]
        lines += [f"| `{name}` | {about} |" for name, about in connection.execute(query.encode())]
    return "\n".join(lines) + "\n"


def _commands(command: click.Command, name: str, above: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command, info_name=name, parent=above, terminal_width=WIDTH, max_content_width=WIDTH,
        **(command.context_settings if above is None else {}),
    )  # fmt: skip
    yield f"\n### {context.command_path}\n\n```\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _commands(found, inner, context)


def _setting(name: str, field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, ByteSize):
        default = f"{default // 1024**2}M"
    shown = "" if default in {None, "", PydanticUndefined} else f"`{default}`"
    choices = [one for one in get_args(field.annotation) if isinstance(one, str)]
    among = f" One of {', '.join(f'`{one}`' for one in choices)}." if choices else ""
    return f"| `{name.upper()}` | {shown} | {field.description}{among} |"


def main() -> None:
    """Write the file, from a database of our own."""
    from deploy import embedded  # noqa: PLC0415  # the tests have a database already

    with TemporaryDirectory(prefix="mailvault-reference-") as name:
        dsn = embedded.start_postgres(Path(name))
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                migrate(connection)
                REFERENCE.write_text(reference(connection), encoding="utf-8")
        finally:
            embedded.stop_postgres(Path(name))
    print(f"wrote {REFERENCE}", file=sys.stderr)


if __name__ == "__main__":
    main()
