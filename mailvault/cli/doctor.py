"""`mailvault doctor`: what to mend, and how."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.source.mapping import load_mapping

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.observe.doctor import Finding, Severity

STYLES: dict[Severity, str] = {
    "ok": "green",
    "notice": "cyan",
    "warning": "yellow",
    "problem": "bold red",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, a summary last.")
@pass_settings
def doctor(settings: Settings, *, as_json: bool) -> None:
    """Look at the database, the source and the bucket, and say what to mend and how.

    It changes nothing, but for small objects that come and go in the bucket. Exits with 1 if there
    is a problem: something for which mail is not moved, or could be lost.

    \b
    Examples:
      mailvault doctor
      mailvault doctor --json | jq -r 'select(.severity == "problem").remedy'
    """
    # The store's libraries take a third of a second to import.
    from mailvault.observe.doctor import (  # noqa: PLC0415
        SEVERITIES,
        examine_database,
        examine_store,
    )

    mapping = load_mapping()
    show = _as_json if as_json else _as_text
    counts = dict.fromkeys(SEVERITIES, 0)
    with connect(settings) as connection:
        findings = examine_database(connection, mapping)
    for finding in chain(findings, examine_store(settings)):
        show(finding)
        counts[finding.severity] += 1
    click.echo(json.dumps({"event": "summary", **counts}) if as_json else _summary(counts))
    if counts["problem"]:
        raise click.exceptions.Exit(1)


def _as_json(finding: Finding) -> None:
    click.echo(json.dumps({"event": "finding", **asdict(finding)}))


def _as_text(finding: Finding) -> None:
    # Lines are not wrapped, so that a remedy can be copied as it is.
    console = Console(soft_wrap=True)
    label = (f"{finding.severity:<8}", STYLES[finding.severity])
    console.print(Text.assemble(label, f" {finding.check:<13} {finding.what}"))
    if finding.remedy:
        console.print(Text(f"{'':22} → {finding.remedy}", style="dim"))


def _summary(counts: dict[Severity, int]) -> str:
    bad = [
        f"{count} {severity}{'s' if count > 1 else ''}"
        for severity, count in reversed(counts.items())
        if count and severity != "ok"
    ]
    return ", ".join(bad) or "nothing is to be mended"
