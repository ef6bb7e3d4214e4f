"""The workers that run detached on this machine, as the table of its processes has them.

No file says which there are, so none can be wrong: they are those `mailvault work` whose
command line has `--of` and the mark of its database.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from psycopg import conninfo, pq

from mailvault.db import dsn
from mailvault.errors import MailvaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailvault.config import Settings

MARK = "--of"
COUNT = "--processes"
PROGRAM = [sys.executable, "-m", "mailvault", "work", "--restart"]


def mark_of(settings: Settings) -> str:
    """Return what tells a database from others on a command line, and tells nothing about it."""
    given = conninfo.conninfo_to_dict(dsn(settings))
    usual = {
        option.keyword.decode(): option.val.decode() if option.val else ""
        for option in pq.Conninfo.get_defaults()
    }
    names = ("host", "hostaddr", "port", "dbname", "user", "service")
    *place, user, service = (str(given.get(name) or usual[name]) for name in names)
    place[-1] = place[-1] or user  # as libpq has it
    if service:
        place.append(service)
    return hashlib.sha256("\0".join(place).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Detached:
    """A `mailvault work` that keeps workers running in the background.

    Attributes:
        process: It, in the table of processes.
        command: Its command line, from `work` on.
    """

    process: psutil.Process
    command: list[str]

    @property
    def count(self) -> int:
        """How many workers it keeps running."""
        return int(self.command[self.command.index(COUNT) + 1])

    @property
    def options(self) -> list[str]:
        """What its workers were started with, besides how many."""
        return self.command[self.command.index(COUNT) + 2 : -2]

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return bool(self.process.is_running() and is_alive(self.process.pid))

    @property
    def started_at(self) -> float:
        """When it was started, by this machine's clock; a second or two off."""
        return float(self.process.info["create_time"])

    @property
    def is_ours(self) -> bool:
        """Whether we may end it."""
        return os.geteuid() in {0, self.process.info["uids"].real}

    def end(self) -> None:
        """Ask it, which must be ours, to end its workers and itself."""
        with suppress(psutil.NoSuchProcess):
            self.process.terminate()

    def place(self) -> tuple[Path, Path | None]:
        """Return the directory where it runs, and its log.

        Raises:
            MailvaultError: It is somebody else's, or has ended.
        """
        try:
            logs = [file.path for file in self.process.open_files() if file.fd == 1]
            return Path(self.process.cwd()), Path(logs[0]) if logs else None
        except psutil.NoSuchProcess:
            raise MailvaultError(
                f"process {self.process.pid} has just ended", hint="mailvault workers status"
            ) from None
        except psutil.AccessDenied:
            raise self.not_ours() from None

    def not_ours(self) -> MailvaultError:
        """Return the error that it is somebody else's."""
        return MailvaultError(
            f"process {self.process.pid} belongs to {self.process.info['username']}",
            hint="run this command as that user, or: mailvault workers stop --all",
        )


def detached(settings: Settings) -> list[Detached]:
    """Return those of this database's workers that were started detached, oldest first."""
    mark = [MARK, mark_of(settings)]
    found = []
    for process in psutil.process_iter(["cmdline", "create_time", "uids", "username"]):
        command: list[str] = process.info["cmdline"] or []
        if command[2:5] == PROGRAM[2:5] and command[-2:] == mark:
            found.append(Detached(process, command))
    return sorted(found, key=lambda each: each.started_at)


def start(
    settings: Settings, count: int, options: Sequence[str], log: Path, directory: Path
) -> subprocess.Popen[bytes]:
    """Start workers that outlive this command and its terminal."""
    command = [*PROGRAM, COUNT, str(count), *options, MARK, mark_of(settings)]
    try:
        with log.open("ab") as output:  # appended to, so that it can be cut off while it is used
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                start_new_session=True,
            )
    except OSError as error:
        raise MailvaultError(
            f"cannot write the log {log}: {error.strerror}", hint="name another one: --log FILE"
        ) from None


def is_alive(pid: int) -> bool:
    """Whether a process runs here; one that ended and that nobody waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
