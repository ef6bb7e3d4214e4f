"""Looks at the database, the source and the bucket, and says what to mend and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from mailvault.db import first_line, query
from mailvault.observe.doctor import holders, program, server, source, store, vacuum
from mailvault.observe.doctor.examination import Examination
from mailvault.observe.doctor.finding import SEVERITIES, Finding, Severity
from mailvault.observe.doctor.store import AbilityRow, StoreReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailvault.config import Settings
    from mailvault.source.mapping.form import Mapping

__all__ = [
    "SEVERITIES",
    "AbilityRow",
    "Finding",
    "Severity",
    "StoreReport",
    "examine_database",
    "examine_store",
    "report_store",
]

_CHECKS: tuple[Callable[[Examination], list[Finding]], ...] = (
    server.version,
    server.standby,
    server.pooler,
    server.clock,
    server.connections,
    server.timeouts,
    server.isolation,
    server.durability,
    program.schema,
    program.grants,
    source.mapping,
    holders.transactions,
    holders.replication,
    vacuum.autovacuum,
    vacuum.dead_rows,
    vacuum.wraparound,
)

_CHECKS_OF_SOURCE: tuple[Callable[[Examination], list[Finding]], ...] = (
    source.keys,
    source.indexes,
    source.rights,
    source.row_security,
    source.changes,
)


def examine_database(connection: psycopg.Connection, mapping: Mapping) -> list[Finding]:
    """Look at the database and the application's tables in it; nothing is changed or locked.

    Raises:
        psycopg.OperationalError: The connection was lost.
    """
    with connection.transaction():
        connection.execute(query("doctor", "guard"))
        look = Examination(connection, mapping)
        findings = [finding for check in _CHECKS for finding in _run(check, look)]
        if look.source_tables:
            findings += [finding for check in _CHECKS_OF_SOURCE for finding in _run(check, look)]
    return findings


def examine_store(settings: Settings) -> Iterator[Finding]:
    """Look at the uploader and the bucket, where small objects come and go."""
    yield program.uploader(settings)
    yield from store.bucket(settings)


def report_store(settings: Settings) -> StoreReport:
    """Look at the same, and leave out nothing that the bucket can do."""
    found = store.report(settings)
    return StoreReport(found.rows, [program.uploader(settings), *found.findings])


def _run(check: Callable[[Examination], list[Finding]], look: Examination) -> list[Finding]:
    try:
        with look.connection.transaction():
            return check(look)
    except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError) as error:
        if look.connection.closed:
            raise
        return [
            Finding(
                check.__name__,
                "problem",
                f"could not be looked at: {first_line(error)}",
                f"let role {look.server['role']} have what PostgreSQL says, and look again",
            )
        ]
