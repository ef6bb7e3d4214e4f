"""An application with tables of its own, as the tests play it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program


def prepare(application: Application, program: Program, tables: str, mapping: str) -> None:
    """Make an application's tables, and tell mailvault of them."""
    application.connection.execute(tables)
    (program.directory / "mailvault.toml").write_text(mapping)
    program.run("init")


def move(program: Program, *arguments: str, code: int = 0) -> None:
    """Move all that there is."""
    program.run("enqueue", "--all")
    program.run("work", "--drain", *arguments, code=code)


def stored(application: Application, bucket: Bucket) -> dict[tuple[str, str, str], bytes]:
    """What the ledger says that was stored, by email, kind and part."""
    return {
        (email, kind, part): bucket.read(key)
        for email, kind, part, key in application.all(
            "select email, kind, part, key from mailvault.objects"
        )
    }


def failures(application: Application) -> dict[str, tuple[str, str]]:
    """Why which emails failed: the reason and the message."""
    rows = application.all("select email, reason, message from mailvault.failures")
    return {email: (reason, message) for email, reason, message in rows}
