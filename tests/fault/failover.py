"""Failovers to a standby that did not get the last commits: `make failover N=20`.

Two workers work all the time. In each round the standby falls behind while they, the application
and a third worker go on; then the primary is killed and the standby takes its place.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import click
import psycopg

from deploy import embedded
from mailvault.worker.heart import NOT_THE_SAME
from tests.application import Application
from tests.conftest import make_bucket
from tests.fault.cluster import Cluster
from tests.fault.proxy import Proxy
from tests.program import Program
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Bucket

KNOWN = 1000
"""Emails of a round that the standby knows of."""

UNKNOWN = 100
"""Emails that it does not: more than the 32 values that it is ahead of a sequence."""

IN_HAND = 1000
"""Emails that it does not know of either, and that are being stored when the primary dies."""

PROCESSED = "select coalesce(sum(processed), 0)::bigint from mailvault.tally"
PATIENCE = 240


@dataclass
class Lost:
    """What one failover lost, by the difference of the two servers.

    Attributes:
        acks: Emails that were stored and recorded.
        emails: Emails that the application had written.
        reissued: Those whose id it gave to another email afterwards.
    """

    acks: int
    emails: int
    reissued: int


class Worker:
    """`mailvault work`, with a file for what it says."""

    def __init__(self, program: Program, log: Path) -> None:
        self._log = log
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                program.command("work", "-j", "8"), stdout=said, stderr=said,
                cwd=program.directory, env={**os.environ, **program.environment},
            )  # fmt: skip
        self.failovers = 0

    def said(self) -> str:
        """All that it said so far."""
        return self._log.read_text()

    def noticed(self) -> bool:
        """Whether it said of each failover that it noticed it."""
        return self.said().count(NOT_THE_SAME) >= self.failovers

    def end(self) -> None:
        """Ask it to end, and look at how it did."""
        self.process.terminate()
        assert self.process.wait(60) == 0, self.said()
        assert "Traceback" not in self.said()


class Failovers:
    """An application, its workers, and the server that they find behind a proxy."""

    def __init__(self, directory: Path, bucket: Bucket) -> None:
        self._directory = directory
        self._bucket = bucket
        self._stack = ExitStack()
        self._rounds = 0
        self._digests: set[str] = set()
        self.said = ""

    def __enter__(self) -> Self:
        self._directory.mkdir()
        self._primary = Cluster.make(self._directory / "0")
        self._stack.callback(self._primary.kill)
        self._proxy = self._stack.enter_context(Proxy("127.0.0.1", self._primary.port))
        files = self._directory / "files"
        files.mkdir()
        self._application = Application(self._primary.dsn, files)
        dsn = f"postgresql://postgres@127.0.0.1:{self._proxy.port}/postgres"
        environment = {"DATABASE_URL": dsn, "MIGRATION_FILES_ROOT": str(files)}
        self._program = Program(self._directory, {**self._bucket.environment, **environment})
        self._workers = [self._start_worker("first"), self._start_worker("second")]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()
            self.said += worker.said()
        self._application.connection.close()
        self._stack.close()

    def run(self) -> Lost:
        """Fail over once, and check everything."""
        self._rounds += 1
        standby = self._primary.standby(self._directory / str(self._rounds))
        self._stack.callback(standby.kill)
        self._add(KNOWN, "known")
        jobs = "select count(*) from mailvault.job"
        wait_until(lambda: standby.one(jobs) == self._application.one(jobs), "the jobs")
        self._primary.stop_sending()
        forgotten = self._add(UNKNOWN, "forgotten")
        third = self._start_worker(f"third-{self._rounds}")
        self._workers.append(third)
        wait_until(lambda: self._is_behind(standby), "the standby to be behind", PATIENCE)
        before = self._application.one(PROCESSED)
        forgotten |= self._write(IN_HAND, "in hand")
        enqueuing = self._program.start("enqueue", "--all")
        wait_until(lambda: self._application.one(PROCESSED) > before, "work to go on", PATIENCE)

        acks: int = self._application.one(PROCESSED)
        self._application.connection.close()
        self._primary.kill()
        enqueuing.communicate()
        standby.promote()
        self._primary = standby
        self._application.connection = psycopg.connect(standby.dsn, autocommit=True)
        acks -= self._application.one(PROCESSED)
        self._proxy.turn_to("127.0.0.1", standby.port)

        reissued = forgotten & self._add(UNKNOWN, "in its place")
        self._let_them_finish(third)
        self._check()
        return Lost(acks, len(forgotten), len(reissued))

    def end(self) -> None:
        """End the workers that are left, as one does."""
        for worker in self._workers:
            worker.end()

    def _start_worker(self, name: str) -> Worker:
        return Worker(self._program, self._directory / f"{name}.log")

    def _add(self, count: int, words: str) -> set[int]:
        """Write emails and enqueue them; return their ids."""
        emails = self._write(count, words)
        self._program.run("enqueue", "--all")
        return emails

    def _write(self, count: int, words: str) -> set[int]:
        """Write emails as the application does; return their ids."""
        bodies = [f"{words}: email {number} of round {self._rounds}" for number in range(count)]
        self._digests |= {hashlib.md5(body.encode()).hexdigest() for body in bodies}
        emails = self._application.all(
            "insert into emails (body) select * from unnest(%s::text[]) returning id", bodies
        )
        return {email for (email,) in emails}

    def _is_behind(self, standby: Cluster) -> bool:
        """Whether emails were stored, and each worker was heard of, of which it does not know."""
        beats = "select pid, beats from mailvault.worker where state <> 'stopped'"
        known = dict(standby.all(beats))
        now = dict(self._application.all(beats))
        pids = [worker.process.pid for worker in self._workers]
        return self._application.one(PROCESSED) > standby.one(PROCESSED) and all(
            now.get(pid, -1) > known.get(pid, 0) for pid in pids
        )

    def _let_them_finish(self, third: Worker) -> None:
        left = "select count(*) from emails where not is_migrated"
        wait_until(lambda: self._application.one(left) == 0, "all emails to be stored", PATIENCE)
        for worker in self._workers:
            worker.failovers += 1
            wait_until(worker.noticed, "a worker to notice what the database lost", PATIENCE)
        self._workers.remove(third)
        third.end()
        self.said += third.said()

    def _check(self) -> None:
        application = self._application
        emails = application.one("select count(*) from emails")
        assert application.one(PROCESSED) == emails
        assert application.all("select reason, message from mailvault.failure") == []
        application.reconcile()
        # Every part is recorded with its own email's job, once, and is what the email is.
        recorded = application.all(
            "select o.key, md5(e.body) from mailvault.objects as o "
            "join emails as e on e.id = o.email::bigint and e.id = o.part::bigint"
        )
        assert len(recorded) == application.one("select count(*) from mailvault.part") == emails
        assert application.one("select count(*) from mailvault.object") == emails
        stored = self._stored()
        assert all(stored[key] == digest for key, digest in recorded)
        # What else is there is what the lost emails were: nothing of theirs was overwritten.
        assert {stored[key] for key in stored.keys() - dict(recorded)} <= self._digests

    def _stored(self) -> dict[str, str]:
        """All objects with the MD5 that the store took."""
        pages = self._bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.name
        )
        return {
            item["Key"]: item["ETag"].strip('"')
            for page in pages
            for item in page.get("Contents", [])
            if not item["Key"].startswith(".mailvault/")
        }


@click.command()
@click.option("-n", "count", default=20, show_default=True)
def main(count: int) -> None:
    """Print what each failover lost, and what became of it."""
    with TemporaryDirectory(prefix="mailvault-failover-") as name:
        server = embedded.S3Server(Path(name) / "s3")
        try:
            server.start()
            with (
                make_bucket(embedded.environment("", server.endpoint)) as bucket,
                Failovers(Path(name) / "failovers", bucket) as failovers,
            ):
                for number in range(1, count + 1):
                    lost = failovers.run()
                    click.echo(
                        f"failover {number}: lost {lost.acks} acks and {lost.emails} emails, of "
                        f"which {lost.reissued} had their ids given to others"
                    )
                failovers.end()
        finally:
            server.stop()
    said = failovers.said
    click.echo(
        f"{count} lossy failovers: every email is stored once, and every count is exact. Workers "
        f"said {said.count(NOT_THE_SAME)} times that commits are lost, found "
        f"{_sum('([0-9]+) objects were in the store', said)} of their objects in the store, "
        f"gave back {_sum('gave back ([0-9]+) jobs', said)} leases that had come back, and "
        f"had {said.count('its lease is not ours any more')} late results refused"
    )


def _sum(pattern: str, said: str) -> int:
    return sum(int(number) for number in re.findall(pattern, said))


if __name__ == "__main__":
    main()
