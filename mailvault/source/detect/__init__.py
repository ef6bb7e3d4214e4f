"""Proposes a mapping for a database that nobody has described: it looks, and changes nothing."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mailvault.db import query
from mailvault.errors import ConfigError
from mailvault.source.detect.emails import candidates, email_section, is_enough
from mailvault.source.detect.known import recognise
from mailvault.source.detect.parts import part_sections
from mailvault.source.detect.proposal import Proposal
from mailvault.source.detect.render import printable, render
from mailvault.source.detect.samples import Sampler
from mailvault.source.detect.tables import read_tables
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from mailvault.source.detect.emails import Candidate
    from mailvault.source.detect.known import Recognised
    from mailvault.source.detect.tables import Table


def propose(connection: psycopg.Connection) -> Proposal:
    """Look at the tables of a database, and propose a mapping of those that have mail.

    Raises:
        ConfigError: None looks like it.
    """
    with connection.transaction():
        connection.execute(query("detect", "guard"))
        tables = read_tables(connection)
        known = recognise(tables)
        proposal = _of_known(known) if known else _of_unknown(tables, Sampler(connection))
        findings = (*proposal.findings, _check(connection, proposal.text))
        return Proposal(proposal.text, tuple(map(printable, findings)))


def _of_known(known: list[Recognised]) -> Proposal:
    first, *others = known
    name = first.application.name
    if not first.missing:
        findings = [f"certain: these are the tables of {name}"]
    else:
        missing = ", no ".join(first.missing)
        findings = [f"likely: these are the tables of {name}, of another release: no {missing}"]
    if first.hidden_in is not None:
        findings.append(
            f"its tables are in the schema {first.hidden_in}, which must be on the search path: "
            f"add options=-csearch_path%3D{first.hidden_in} to DATABASE_URL"
        )
    findings += [f"there are those of {other.application.name} too" for other in others]
    head = "".join(f"# {printable(finding)}\n" for finding in findings)
    return Proposal(f"{head}\n{first.application.mapping()}", tuple(findings))


def _of_unknown(tables: Sequence[Table], sampler: Sampler) -> Proposal:
    ranked = candidates(tables, sampler)
    likely = [candidate for candidate in ranked if is_enough(candidate)]
    for candidate in likely:
        email = email_section(candidate)
        parts = list(part_sections(candidate, tables, sampler))
        if not parts:
            continue
        sections = [email, *(section for part in parts for section in part)]
        used = {section.table for section in sections}
        findings = [f"{each.certainty}: {each.title}" for each in sections if each.title]
        if len(used) == 1:
            findings.append("no table of attachments was found that leads to them")
        findings += [
            f"{other.table.reference} looks like mail too: {', '.join(other.signs)}"
            for other in likely
            if other.table.reference not in used
        ]
        text = render(sections)
        guesses = [n for n, line in enumerate(text.splitlines(), 1) if "# a guess: " in line]
        if guesses:
            findings.append(f"look at the guesses first: line {', '.join(map(str, guesses))}")
        return Proposal(text, tuple(findings))
    raise _nothing(tables, ranked)


def _nothing(tables: Sequence[Table], ranked: list[Candidate]) -> ConfigError:
    nearest = ""
    if ranked and ranked[0].signs:
        best = ranked[0]
        nearest = f"; the nearest is {best.table.reference}: {', '.join(best.signs)}"
    return ConfigError(
        printable(
            f"none of the {len(tables)} tables that this role may read looks like mail{nearest}"
        ),
        hint="it looked for a body beside a subject, a sender, recipients or a message id; "
        "docs/mapping.md tells how to write a mapping by hand",
    )


def _check(connection: psycopg.Connection, text: str) -> str:
    """Return whether the mapping fits the database as it is."""
    document = tomllib.loads(text)
    try:
        Source(
            connection, Mapping.model_validate({key: document[key] for key in ("email", "part")})
        )
    except ConfigError as error:
        return f"it does not fit as it is: {error}"
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"it is not of the form of a mapping: {place or 'part'}: {first['msg']}"
    return "every table and column of it is there"
