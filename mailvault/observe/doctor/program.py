"""mailvault itself: its schema in the database, what it may do there, and its uploader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailvault.errors import MailvaultError, SchemaError
from mailvault.migrate import migrations, require_current
from mailvault.observe.doctor.examination import SHOWN
from mailvault.observe.doctor.finding import Finding
from mailvault.store.open import open_uploader

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.observe.doctor.examination import Examination


def schema(look: Examination) -> list[Finding]:
    """Find a database that was not initialised by this version of mailvault."""
    try:
        require_current(look.connection)
    except SchemaError as error:
        return [Finding("schema", "problem", str(error), error.hint)]
    latest = migrations()[-1].version
    return [Finding("schema", "ok", f"the schema is at version {latest}, as this program is")]


def grants(look: Examination) -> list[Finding]:
    """Find what the role may not do in mailvault's schema."""
    missing, role = look.rows("missing_grants"), look.server["role"]
    if not missing:
        return [Finding("grants", "ok", f"role {role} may use all of mailvault's schema")]
    named = "; ".join(f"{row['privileges']} on {row['name']}" for row in missing[:SHOWN])
    more = f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    remedy = (
        f"grant usage on schema mailvault to {role}; "
        f"grant select, insert, update, delete on all tables in schema mailvault to {role}; "
        f"grant execute on all functions in schema mailvault to {role};"
    )
    return [Finding("grants", "problem", f"role {role} may not: {named}{more}", remedy)]


def uploader(settings: Settings) -> Finding:
    """Say which uploader a worker would use, and why."""
    try:
        opened = open_uploader(settings, choice="auto", concurrency=1, max_bytes=1)
    except MailvaultError as error:
        return Finding("uploader", "problem", str(error), error.hint or None)
    opened.uploader.close()
    what = f"the uploader is {opened.uploader.name}: {opened.reason}"
    if opened.uploader.name == "rust":
        return Finding("uploader", "ok", what)
    return Finding(
        "uploader", "notice", f"{what}; it takes several times the processor time",
        "install a wheel of mailvault for this machine",
    )  # fmt: skip
