"""Kills a worker before and after every call in turn: `make kill-everywhere`."""

from __future__ import annotations

import itertools
import sys
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

import click

from deploy import embedded
from tests.application import Application
from tests.conftest import UPLOADERS, make_bucket
from tests.kills.stage import Stage
from tests.kills.workers import Moment, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

BEYOND = 5
"""Points in a row that no worker came to: the calls of a run are never quite as many."""


@contextmanager
def set_up(directory: Path, uploader: str) -> Iterator[Stage]:
    """Both servers, and a stage between them."""
    files, scratch = directory / "files", directory / "scratch"
    for new in (files, scratch):
        new.mkdir()
    (files / "of-another.txt").touch()
    store = embedded.S3Server(directory / "s3")
    try:
        dsn = embedded.start_postgres(directory / "postgres")
        store.start()
        application = Application(dsn, files)
        with make_bucket(embedded.environment(dsn, store.endpoint)) as bucket:
            environment = {**bucket.environment, **application.environment()}
            environment["TMPDIR"] = str(scratch)
            with Workers(environment, directory / "log", [files, scratch]) as workers:
                yield Stage(
                    application, bucket, workers, scratch, "-j", "2", "--uploader", uploader
                )
        application.connection.close()
    finally:
        store.stop()
        embedded.stop_postgres(directory / "postgres")


def kill_everywhere(stage: Stage) -> dict[str, Counter[Moment]]:
    """Kill at point 1, 2, 3 … until no worker comes so far; return the kills at each call."""
    kills: dict[str, Counter[Moment]] = defaultdict(Counter)
    missed = 0
    for point in itertools.count(1):
        for moment in get_args(Moment):
            run = stage.kill(point, moment)
            missed = 0 if run.killed_at else missed + 1
            if run.killed_at:
                kills[run.killed_at][moment] += 1
        if missed >= BEYOND:
            return kills
        if point % 20 == 0:
            click.echo(f"{point} points …", err=True)
    raise AssertionError


@click.command()
@click.option("--uploader", type=click.Choice(UPLOADERS), default="rust", show_default=True)
def main(uploader: str) -> None:
    """Print at how many points of which calls a worker was killed."""
    with (
        TemporaryDirectory(prefix="mailvault-kills-") as name,
        set_up(Path(name), uploader) as stage,
    ):
        calls = stage.rehearse().calls
        kills = kill_everywhere(stage)
        left = stage.left
    click.echo(f"{'call':<32}{'in a run':>10}{'killed before':>15}{'after':>7}")
    for what in sorted(calls.keys() | kills, key=lambda what: what.split()[::-1]):
        killed = kills[what]
        click.echo(f"{what:<32}{calls.get(what, 0):>10}{killed['before']:>15}{killed['after']:>7}")
    before, after = (
        sum(killed[moment] for killed in kills.values()) for moment in ("before", "after")
    )
    click.echo(f"{'':<32}{sum(calls.values()):>10}{before:>15}{after:>7}")
    click.echo(
        f"killed at {before + after} points; nothing lost, nothing twice. Left behind: "
        f"{len(left.probes)} trial objects, {len(left.uploads)} multipart uploads, "
        f"{len(left.directories)} directories for temporary files"
    )
    missing = [what for what in calls if not kills[what]]
    if missing:
        sys.exit(f"no worker was killed at: {', '.join(missing)}")


if __name__ == "__main__":
    main()
