"""Kills a worker at one of its calls, lets another one finish, and looks for what is wrong."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.application import Application
    from tests.conftest import Bucket
    from tests.kills.workers import Moment, Run, Workers

PROBES = ".mailvault/"

LARGE = 8 * 1024**2 + 1
"""The smallest attachment that takes a multipart upload."""


@dataclass
class Left:
    """What killed workers left behind that is nobody's: no harm, but not nothing."""

    probes: set[str] = field(default_factory=set)
    uploads: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)


class Stage:
    """Emails, and workers that move them; all that was ever moved stays and is looked at.

    Args:
        application: An initialised database, with the application's files.
        bucket: A bucket with nothing in it.
        workers: Workers that find both, with `scratch` as their directory for temporary files.
        arguments: Of `mailvault work`.
    """

    def __init__(
        self, application: Application, bucket: Bucket, workers: Workers, scratch: Path,
        *arguments: str,
    ) -> None:  # fmt: skip
        self._application = application
        self._bucket = bucket
        self._workers = workers
        self._scratch = scratch
        self._work = ("work", "--drain", *arguments)
        self._large = os.urandom(LARGE)
        self._rounds = 0
        self.left = Left()

    def rehearse(self) -> Run:
        """Let a worker do everything undisturbed; its calls are those that there are."""
        expected = self._add_emails()
        run = self._workers.run(*self._work)
        assert run.code == 0, self._log()
        self._check(expected)
        return run

    def kill(self, point: int, moment: Moment) -> Run:
        """Kill a worker at its `point`-th call, and check everything, then and in the end."""
        expected = self._add_emails()
        run = self._workers.run(*self._work, point=point, moment=moment)
        if run.killed_at:
            assert run.code == -9
            self._check_at_once()
            self._let_time_pass()
            assert self._workers.run(*self._work).code == 0, self._log()
        assert run.killed_at or run.code == 0, self._log()
        self._check(expected)
        return run

    def _add_emails(self) -> dict[tuple[str, str], bytes]:
        """An email of each kind, in the outbox; return what is to be stored of them."""
        application = self._application
        self._rounds += 1
        contents: dict[tuple[str, str], bytes] = {}
        application.add_email(None)
        for body, attachment in (
            (b"", None),
            (b"<p>small</p>", None),
            (b"with a small attachment", os.urandom(3000)),
            (b"with a large attachment", self._large),
        ):
            email = application.add_email(body.decode())
            contents["body", str(email)] = body
            if attachment is not None:
                name = f"{self._rounds}-{len(attachment)}.bin"
                file = application.add_file(email, attachment, name)
                contents["attachment", str(file)] = attachment
        assert self._workers.run("enqueue", "--all").code == 0, self._log()
        return contents

    def _check_at_once(self) -> None:
        """What must hold at any moment: the counts, and no record without its object."""
        connection = self._application.connection
        with connection.transaction():
            # PostgreSQL may still do what the worker asked for last.
            connection.execute("set transaction isolation level repeatable read")
            self._application.reconcile()
        recorded = self._application.all("select key from mailvault.object")
        assert {key for (key,) in recorded} <= set(self._bucket.listing())

    def _let_time_pass(self) -> None:
        """A minute: PostgreSQL notices that a client is gone, and whoever lives, reaps."""
        application = self._application
        clients = (
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and application_name = 'mailvault'"
        )
        wait_until(lambda: application.one(clients) == 0, "the killed worker's sessions to end")
        application.connection.execute(
            "update mailvault.worker set heartbeat_at = heartbeat_at - interval '1 minute' "
            "where state <> 'stopped'"
        )
        application.connection.execute("select mailvault.reap()")

    def _check(self, expected: dict[tuple[str, str], bytes]) -> None:
        """Nothing is lost, nothing is there twice."""
        application = self._application
        assert application.all(
            "select count(*) filter (where not is_migrated), count(*) from emails"
        ) == [(0, 5 * self._rounds)]
        assert application.all("select distinct reason from mailvault.failure") in (
            [], [("worker_lost",)]
        )  # fmt: skip
        application.reconcile()

        keys = [key for (key,) in application.all("select key from mailvault.object")]
        assert len(keys) == application.one("select count(*) from mailvault.part")
        listing = self._bucket.listing()
        self.left.probes |= {key for key in listing if key.startswith(PROBES)}
        assert set(listing) - self.left.probes == set(keys)

        recorded = application.all(
            "select kind, part, key, size, sha256 from mailvault.objects "
            "where (kind, part) in (select * from unnest(%s::text[], %s::text[]))",
            [kind for kind, _ in expected], [part for _, part in expected],
        )  # fmt: skip
        assert sorted((kind, part) for kind, part, *_ in recorded) == sorted(expected)
        for kind, part, key, size, sha256 in recorded:
            content = expected[kind, part]
            assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
            assert self._bucket.read(key) == content
        self._note_what_is_left()

    def _note_what_is_left(self) -> None:
        uploads = self._bucket.client.list_multipart_uploads(Bucket=self._bucket.name)
        self.left.uploads |= {upload["UploadId"] for upload in uploads.get("Uploads", [])}
        self.left.directories |= {path.name for path in self._scratch.iterdir()}

    def _log(self) -> str:
        return self._workers.log.read_text()[-4000:]
