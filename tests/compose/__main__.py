"""The quick start of docs/docker.md with faults in the middle: `make compose-test`.

Everything comes up from nothing, and 1,000 emails are migrated. Meanwhile one worker's container
is killed, another's processes, and PostgreSQL is restarted. In the end every email must be stored,
and nothing twice.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import click
import psycopg

from tests.application import Application
from tests.compose.stack import ROOT, Stack, crash, kill
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Bucket

BANDWIDTH = "400K"
"""A second, of each worker: slow enough that faults find something to disturb."""

HEALTHY = 90
"""Seconds in which all workers must be well after the faults; they are looked at every 30."""


def stored(stack: Stack) -> int:
    """How many emails are stored; -1 while PostgreSQL does not answer."""
    try:
        with psycopg.connect(stack.dsn) as connection:
            row = connection.execute("select sum(processed) from mailvault.tally").fetchone()
    except psycopg.OperationalError:
        return -1
    return int(row[0] or 0) if row else 0


def states(stack: Stack) -> list[str]:
    """What the health checks of the workers say."""
    workers = stack.containers("worker")
    return [worker["State"].get("Health", {}).get("Status") for worker in workers]


def disturb(stack: Stack, emails: int) -> None:
    """Kill a worker, then another, then restart PostgreSQL, each after some more emails."""
    first, second, *_ = stack.containers("worker")
    wait_until(lambda: stored(stack) > emails // 10, "a tenth is stored", 120)
    kill(first)
    crash(second)
    click.echo(f"two workers killed after {stored(stack)} emails")
    wait_until(lambda: stored(stack) > emails // 4, "a quarter is stored", 120)
    click.echo(f"PostgreSQL is restarted after {stored(stack)} emails")
    stack.run("restart", "postgres")
    wait_until(lambda: stored(stack) >= 0, "PostgreSQL answers")
    assert stored(stack) < emails, "all was stored before the last fault"
    [again] = [worker for worker in stack.containers("worker") if worker["Id"] == second["Id"]]
    assert again["RestartCount"] > 0


def check(stack: Stack, emails: int) -> str:
    """Compare what is in the bucket with the ledger and with the mail; say how much it is."""
    bucket = stack.bucket()
    application = Application(stack.dsn, ROOT, is_new=False)
    with closing(application.connection), closing(bucket.client):
        application.reconcile()
        assert application.processed() == emails
        assert application.one("select count(*) from mailvault.dead_letter") == 0
        mail = {
            ("body", str(key)): hashlib.sha256(body.encode()).hexdigest()
            for key, body in application.all("select id, body from emails")
        }
        digest_of = dict(stack.digests())
        attachments = {
            ("attachment", str(key)): digest_of[path]
            for key, path in application.all("select id, local_path from files")
        }
        ledger = application.all("select kind, part, key, sha256 from mailvault.objects")
        assert len(ledger) == len(mail) + len(attachments)
        assert {(kind, part): digest for kind, part, _, digest in ledger} == mail | attachments
        keys = sorted(key for _, _, key, _ in ledger)
        assert bucket.listing() == keys
        versions = bucket.client.get_paginator("list_object_versions").paginate(Bucket=bucket.name)
        # What was tried out in the bucket has left versions, too.
        written = Counter(v["Key"] for page in versions for v in page["Versions"])
        assert {key: written[key] for key in keys if written[key] != 1} == {}
        assert bucket.uploads() == []
        _read_back(bucket, {key: digest for _, _, key, digest in ledger})
        marked = application.one("select count(*) from emails where is_migrated")
        assert marked == emails
    return f"{emails} emails, {len(keys)} objects"


def _read_back(bucket: Bucket, digests: dict[str, str]) -> None:
    def is_right(key: str) -> bool:
        return hashlib.sha256(bucket.read(key)).hexdigest() == digests[key]

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(is_right, digests))


def migrate(stack: Stack, emails: int, workers: int) -> None:
    """Go from nothing to all stored."""
    stack.run("build")
    began = time.monotonic()
    stack.run("up", "--detach", "--scale", f"worker={workers}")
    click.echo(f"up after {time.monotonic() - began:.0f} s")
    stack.bucket().keep_versions()  # so that what is written twice is seen
    stack.run("run", "--rm", "app", "mailvault", "seed", "--emails", str(emails))
    began = time.monotonic()
    migration = stack.start("run", "--rm", "--no-TTY", "app", "mailvault", "migrate", "--yes")
    disturb(stack, emails)
    assert migration.wait(600) == 0
    click.echo(f"migrated in {time.monotonic() - began:.0f} s: {check(stack, emails)}")
    wait_until(lambda: states(stack).count("healthy") == workers - 1, "they are healthy", HEALTHY)
    stack.run("stop", "worker")
    ends = [worker["State"]["ExitCode"] for worker in stack.containers("worker")]
    assert sorted(ends) == [0] * (workers - 1) + [137], ends  # 137 is the one that was killed


@click.command()
@click.option("--emails", type=int, default=1000, show_default=True)
@click.option("--workers", type=click.IntRange(min=3), default=3, show_default=True)
def main(emails: int, workers: int) -> None:
    """Try the quick start, with faults."""
    stack = Stack(MIGRATION_BWLIMIT=BANDWIDTH)
    try:
        migrate(stack, emails, workers)
    except BaseException:
        stack.run("logs", "--tail", "50")
        raise
    finally:
        stack.run("down", "--volumes", "--timeout", "5")
    assert stack.leftovers() == []
    click.echo("all down")


if __name__ == "__main__":
    main()
