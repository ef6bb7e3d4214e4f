"""The doctor's findings about one database, as the tests ask for them."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from mailvault.observe.doctor import Finding, examine_database
from mailvault.source.mapping.load import load_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailvault.source.mapping.form import Mapping
    from tests.application import Application


def findings(
    connection: psycopg.Connection, check: str, mapping: Mapping | None = None
) -> list[Finding]:
    """What one check finds."""
    found = examine_database(connection, mapping or load_mapping())
    return [finding for finding in found if finding.check == check]


def bad(found: list[Finding]) -> list[Finding]:
    """Those that are not as they should be."""
    return [finding for finding in found if finding.severity != "ok"]


def only(connection: psycopg.Connection, check: str, mapping: Mapping | None = None) -> Finding:
    """The one thing that a check finds."""
    [finding] = findings(connection, check, mapping)
    return finding


class Role:
    """A role without any rights, to connect as."""

    def __init__(self, application: Application, name: str) -> None:
        self.name = name
        self._application = application

    def __str__(self) -> str:
        return self.name

    def run(self, statement: str) -> None:
        """Run a statement about the role, as the superuser."""
        self._application.connection.execute(
            sql.SQL(statement).format(role=sql.Identifier(self.name))
        )

    def connect(self) -> psycopg.Connection:
        """Open a session of it."""
        return psycopg.connect(self._application.dsn, user=self.name, autocommit=True)


@contextmanager
def new_role(application: Application) -> Iterator[Role]:
    """Make a role for the length of a block."""
    role = Role(application, f"doctor_{uuid.uuid4().hex[:8]}")
    role.run("create role {role} login")
    try:
        yield role
    finally:
        role.run("drop owned by {role} cascade")
        role.run("drop role {role}")
