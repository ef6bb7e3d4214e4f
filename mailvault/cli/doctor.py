"""`mailvault doctor`: what to mend, and how."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailvault.cli.settings import pass_settings
from mailvault.db import connect
from mailvault.source.mapping.load import load_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mailvault.config import Settings
    from mailvault.observe.doctor import AbilityRow, Finding, Severity

STYLES: dict[Severity, str] = {
    "ok": "green",
    "notice": "cyan",
    "warning": "yellow",
    "problem": "bold red",
}


@click.command()
@click.option("--store", is_flag=True, help="Only the bucket: a table of all that it can do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, a summary last.")
@pass_settings
def doctor(settings: Settings, *, store: bool, as_json: bool) -> None:
    """Look at the database, the source and the bucket, and say what to mend and how.

    It changes nothing, but for small objects that come and go in the bucket. Exits with 1 if there
    is a problem: something for which mail is not moved, or could be lost.

    \b
    Examples:
      mailvault doctor
      mailvault doctor --store
      mailvault doctor --json | jq -r 'select(.severity == "problem").remedy'
    """
    # The store's libraries take a third of a second to import.
    from mailvault.observe.doctor import (  # noqa: PLC0415
        SEVERITIES,
        examine_database,
        examine_store,
        report_store,
    )

    counts = dict.fromkeys(SEVERITIES, 0)
    findings: Iterator[Finding]
    if store:
        report = report_store(settings)
        show_rows = _rows_as_json if as_json else _rows_as_text
        show_rows(report.rows)
        for row in report.rows:
            counts[row.severity] += 1
        findings = iter(report.findings)
    else:
        mapping = load_mapping()
        with connect(settings) as connection:
            found = examine_database(connection, mapping)
        findings = chain(found, examine_store(settings))
    show = _as_json if as_json else show_finding
    for finding in findings:
        show(finding)
        counts[finding.severity] += 1
    click.echo(json.dumps({"event": "summary", **counts}) if as_json else _summary(counts))
    if counts["problem"]:
        raise click.exceptions.Exit(1)


def _as_json(finding: Finding) -> None:
    click.echo(json.dumps({"event": "finding", **asdict(finding)}))


def show_finding(finding: Finding) -> None:
    """Print what a check says, and the remedy below."""
    # Lines are not wrapped, so that a remedy can be copied as it is.
    console = Console(soft_wrap=True)
    label = (f"{finding.severity:<8}", STYLES[finding.severity])
    console.print(Text.assemble(label, f" {finding.check:<13} {finding.what}"))
    if finding.remedy:
        console.print(Text(f"{'':22} → {finding.remedy}", style="dim"))


def _rows_as_json(rows: Sequence[AbilityRow]) -> None:
    for row in rows:
        click.echo(json.dumps({"event": "ability", **asdict(row)}))


def _rows_as_text(rows: Sequence[AbilityRow]) -> None:
    console = Console()
    if console.is_terminal and rows:
        console.print(_table(rows))
        return
    for row in rows:
        click.echo(f"{row.answer:<9} {row.ability:<22} {row.about}; {_does(row)}")


def _table(rows: Sequence[AbilityRow]) -> Table:
    table = Table("", "the bucket can", "mailvault", box=box.SIMPLE)
    for row in rows:
        style = STYLES[row.severity] if row.answer == "yes" or row.severity != "ok" else "dim"
        table.add_row(Text(row.answer, style=style), row.about, Text(_does(row)))
    return table


def _does(row: AbilityRow) -> str:
    """What mailvault does about it, with what was seen, and what to do, where it lacks."""
    detail = f" ({row.detail})" if row.answer != "yes" and row.detail else ""
    return f"{row.mailvault}{detail}" + (f" → {row.remedy}" if row.remedy else "")


def _summary(counts: dict[Severity, int]) -> str:
    bad = [
        f"{count} {severity}{'s' if count > 1 else ''}"
        for severity, count in reversed(counts.items())
        if count and severity != "ok"
    ]
    return ", ".join(bad) or "nothing is to be mended"
