"""`mailvault init --explain`: what a mapping comes to, before anything is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailvault.db import query

if TYPE_CHECKING:
    import psycopg

    from mailvault.source.mapping.views import Source

SAMPLES = 10


def explain_source(connection: psycopg.Connection, source: Source) -> None:
    """Print the statements, and some of the mail as the views show it; they must be there."""
    for statement in source.statements():
        click.echo(statement.as_string(connection).strip() + "\n")
    for name in ("sample_emails", "sample_parts"):
        with connection.cursor() as cursor:
            cursor.execute(query("source", name), {"limit": SAMPLES})
            assert cursor.description is not None
            heads = [column.name for column in cursor.description]
            rows = [[_shown(value) for value in row] for row in cursor]
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for row in (heads, ["-" * width for width in widths], *rows):
            pairs = zip(row, widths, strict=True)
            click.echo("  ".join(text.ljust(width) for text, width in pairs).rstrip())
        click.echo()
    click.echo("nothing was changed; make it so with: mailvault init")


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
