"""The whole road, over emails of equal size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bench.run import cpu_of
from bench.setting import setting
from bench.upload.clients import Put, per_object
from bench.upload.put import IN_FLIGHT, SIZE

if TYPE_CHECKING:
    from bench.stores import OpenStore

TRIALS = 10
"""Objects, at the most, that workers put at their start to see what the store does."""


def move(
    open_store: OpenStore, emails: int, *, processes: int = 1, in_flight: int = IN_FLIGHT
) -> Put:
    """Move emails from a new database to a new store; what takes none is a worker's start-up.

    Raises:
        click.ClickException: The store was not sent as many objects as there are emails.
    """
    work = ("work", "--drain", "-j", str(in_flight), "--processes", str(processes))
    with open_store() as store, setting(store) as place:
        # The other clients ask for no encryption either.
        plain = replace(place, environment=place.environment | {"S3_SSE": "none"})
        first = plain.run(*work)
        plain.add_bodies(emails, SIZE)
        before = cpu_of(store.process) + cpu_of(place.postgres)
        every = plain.run(*work)
        servers = cpu_of(store.process) + cpu_of(place.postgres) - before
    if not 0 <= store.objects - emails < TRIALS:
        raise click.ClickException(f"the store has {store.objects} objects for {emails} emails")
    return per_object(emails, first, every, servers)
