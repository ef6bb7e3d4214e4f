"""`mailvault init --print-grants`: what the role of a worker needs, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailvault.db import query

if TYPE_CHECKING:
    import psycopg

    from mailvault.source.mapping.views import Source


def show_grants(connection: psycopg.Connection, source: Source, role: str) -> None:
    """Print the statements that give a role its rights; the views must be there."""
    written = [
        (road.table.schema, road.table.name, column, privilege)
        for road in (source.email, *source.parts)
        if road.section.write_back
        for privilege, columns in (
            ("select", road.section.key),
            ("update", road.section.write_back),
        )
        for column in columns
    ]
    schemas, tables, columns, privileges = zip(*written, strict=True) if written else ([],) * 4
    for row in connection.execute(query("grants", "of_mailvault"), {"role": role}):
        click.echo(row[0])
    of_source = connection.execute(
        query("grants", "of_source"),
        {
            "role": role,
            "schemas": list(schemas),
            "tables": list(tables),
            "columns": list(columns),
            "privileges": list(privileges),
        },
    )
    for _, statement in of_source:
        click.echo(statement)
    if source.has_large_objects:
        click.echo(f"-- and, for each large object: grant select on large object … to {role};")
