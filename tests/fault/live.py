"""An application at work while its mail moves: `make live`.

It adds, edits and deletes emails and attachments at a steady rate, on several connections, with
triggers on its tables and workers behind it. In the end every email that is left must be stored as
it was last.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3
import click
import psycopg

from deploy import embedded
from tests.application import Application
from tests.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 4
LONGEST_DRAIN = 3600
"""Seconds in which all that is left must be stored."""

READ_BACK = 2000
"""Objects of which the bytes are compared; of all others, the digest in the ledger."""


class Mailbox:
    """One connection of the application, and what it does with emails of its own."""

    def __init__(self, dsn: str, files_root: Path, seed: int) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._files_root = files_root
        self._random = random.Random(seed)
        self._emails: list[int] = []
        self._files = 0
        self._seed = seed
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        """Do one thing in a transaction: mostly add, else edit or delete."""
        name, act = self._random.choices(
            [("added", self._add), ("edited", self._edit), ("deleted", self._delete)], [6, 3, 1]
        )[0]
        with self._connection.transaction():
            if act is not self._add and not self._emails:
                name, act = "added", self._add
            act()
        self.done[name] += 1

    def _text(self) -> str:
        return f"<p>{self._random.getrandbits(64):x}</p>" * self._random.randrange(1, 200)

    def _add(self) -> None:
        row = self._connection.execute(
            "insert into emails (body) values (%s) returning id", [self._text()]
        ).fetchone()
        assert row is not None
        self._emails.append(row[0])
        if self._random.random() < 0.3:
            self._attach(row[0])

    def _attach(self, email: int) -> None:
        self._files += 1
        path = f"{self._seed}/{self._files}.txt"
        target = self._files_root / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(self._text())
        self._connection.execute(
            "insert into files (email_id, filename, local_path) values (%s, 'a.txt', %s)",
            [email, path],
        )

    def _edit(self) -> None:
        email = self._random.choice(self._emails)
        if self._random.random() < 0.2:
            self._attach(email)
        else:
            self._connection.execute(
                "update emails set body = %s where id = %s", [self._text(), email]
            )

    def _delete(self) -> None:
        place = self._random.randrange(len(self._emails))
        self._emails[place], self._emails[-1] = self._emails[-1], self._emails[place]
        self._connection.execute("delete from emails where id = %s", [self._emails.pop()])


def work(act: Callable[[], None], rate: float, until: float) -> None:
    """Act so many times a second; what was missed is made up for."""
    started, done = time.monotonic(), 0
    pause = threading.Event()
    while (now := time.monotonic()) < until:
        if done < (now - started) * rate:
            act()
            done += 1
        else:
            pause.wait(1 / rate)


def check(application: Application, bucket: str, endpoint: str) -> int:
    """Compare what is stored with what the application has; return how many parts that is."""
    application.reconcile()
    source = {
        ("body", str(key)): (str(key), body.encode())
        for key, body in application.all("select id, body from emails")
    } | {
        ("attachment", str(key)): (str(email), (application.files_root / path).read_bytes())
        for key, email, path in application.all("select id, email_id, local_path from files")
    }
    left = {email for email, _ in source.values()}
    stored = {
        (kind, part): (email, key, digest)
        for email, kind, part, key, digest in application.all(
            "select email, kind, part, key, sha256 from mailvault.objects"
        )
        if email in left
    }
    assert stored.keys() == source.keys(), len(stored.keys() ^ source.keys())
    wrong = [
        part for part, (email, content) in source.items()
        if stored[part][::2] != (email, hashlib.sha256(content).hexdigest())
    ]  # fmt: skip
    assert not wrong, wrong[:10]
    client = boto3.client("s3", endpoint_url=endpoint)
    sample = random.Random(1).sample(sorted(source), min(READ_BACK, len(source)))

    def is_there(part: tuple[str, str]) -> bool:
        answer = client.get_object(Bucket=bucket, Key=stored[part][1])
        return bool(answer["Body"].read() == source[part][1])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(is_there, sample))
    marked = application.one("""
        select count(*) from emails as e
        inner join mailvault.objects as o on o.kind = 'body' and o.part = e.id::text
        where e.body_s3_path is distinct from o.key
    """)
    assert marked == 0
    return len(source)


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True)
@click.option("--rate", type=float, default=500.0, show_default=True, help="Actions a second.")
@click.option("--processes", type=int, default=2, show_default=True, help="Of workers.")
def main(minutes: float, rate: float, processes: int) -> None:
    """Let an application write mail while it is moved."""
    with TemporaryDirectory(prefix="mailvault-live-") as name:
        directory = Path(name)
        store = embedded.S3Server(directory / "s3")
        try:
            dsn = embedded.start_postgres(directory / "postgres")
            store.start()
            environment = embedded.environment(dsn, store.endpoint)
            os.environ.update(environment)  # boto3's own client takes its credentials there
            _run(directory, environment, minutes * 60, rate, processes)
        finally:
            embedded.stop_postgres(directory / "postgres")
            store.stop()


def _run(
    directory: Path, environment: dict[str, str], seconds: float, rate: float, processes: int
) -> None:
    files = directory / "files"
    files.mkdir()
    environment["MIGRATION_FILES_ROOT"] = str(files)
    (files / "of-another.txt").touch()
    application = Application(environment["DATABASE_URL"], files)
    program = Program(directory, environment)
    program.run("init", "--live")
    worker = program.start("work", "--processes", str(processes))
    boxes = [Mailbox(application.dsn, files, seed) for seed in range(CONNECTIONS)]
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        jobs = [threads.submit(work, box.act, rate / CONNECTIONS, until) for box in boxes]
        for job in jobs:
            job.result()
    waiting = application.one("select count(*) from mailvault.outbox")
    noted = application.one("select count(*) from mailvault.change")
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    worker = program.start("work", "--drain", "--processes", str(processes))
    said, _ = worker.communicate(timeout=LONGEST_DRAIN)
    assert worker.returncode == 0, said
    done = sum((box.done for box in boxes), Counter[str]())
    parts = check(application, environment["S3_BUCKET"], environment["S3_ENDPOINT"])
    click.echo(
        f"{seconds:.0f} s: {done.total() / seconds:.0f} transactions/s ({dict(done)}); at their "
        f"end {noted} changes and {waiting} jobs waited; then all {parts} parts of the "
        f"{application.one('select count(*) from emails')} emails left were as they were last, "
        f"in {application.one('select count(*) from mailvault.object')} objects"
    )
    assert application.one("select count(*) from mailvault.missed_change") == 0


if __name__ == "__main__":
    main()
