"""PostgreSQL 15 and PgBouncer from Debian's packages, for the tests: nothing is installed here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from deploy.embedded import START_TIMEOUT, ServerError, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN_USER = "postgres"
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")

PGBOUNCER = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
pool_mode = transaction
auth_type = trust
auth_file = {users}
max_client_conn = 1000
server_idle_timeout = 2
"""
"""Any database of the server; every test has one of its own, which is gone after it."""


def _package(path: str | None, package: str) -> str:
    if path is None or not Path(path).exists():
        raise ServerError(f"it takes Debian's package {package}: apt-get install {package}")
    return path


def _account(user: str) -> str | None:
    """Whom to run as: both programs refuse to run as root."""
    return user if os.geteuid() == 0 else None


def _hand_over(directory: Path, user: str) -> None:
    """Make a directory that is this user's."""
    directory.mkdir()
    if os.geteuid() == 0:
        shutil.chown(directory, user, user)
        for above in directory.parents[:-2]:
            above.chmod(above.stat().st_mode | 0o711)


@contextmanager
def _running(
    command: list[str], directory: Path, user: str, dsn: str, end: signal.Signals
) -> Iterator[str]:
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd=directory, user=_account(user), group=_account(user),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                psycopg.connect(dsn, connect_timeout=5).close()
                break
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = log.read_text(errors="replace")[-2000:]
                    raise ServerError(f"{command[0]} did not come up:\n{said}") from None
            time.sleep(0.1)
        yield dsn
    finally:
        process.send_signal(end)
        process.wait(START_TIMEOUT)


@contextmanager
def postgres_15(directory: Path) -> Iterator[str]:
    """Run PostgreSQL 15 on a new directory until the block ends; give its DSN."""
    initdb = _package(str(POSTGRES_15 / "initdb"), "postgresql-15")
    _hand_over(directory, DEBIAN_USER)
    data, port = directory / "data", free_port()
    subprocess.run(
        [initdb, data, "-U", "postgres", "-A", "trust", "-E", "utf8", "--locale=C.UTF-8"],
        check=True, stdout=subprocess.DEVNULL, cwd=directory,
        user=_account(DEBIAN_USER), group=_account(DEBIAN_USER),
    )  # fmt: skip
    command = [
        str(POSTGRES_15 / "postgres"), "-D", str(data), "-p", str(port),
        "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
    ]  # fmt: skip
    dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    # A "fast" shutdown: disconnects who is left.
    with _running(command, directory, DEBIAN_USER, dsn, signal.SIGINT) as dsn:
        yield dsn


@contextmanager
def pgbouncer(directory: Path, host: str, port: int) -> Iterator[str]:
    """Run PgBouncer, in transaction mode, before a server until the block ends; give its DSN."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    program = _package(found, "pgbouncer")
    # Only the server's own user may reach the directory of its socket.
    user = Path(host).owner() if host.startswith("/") else DEBIAN_USER
    _hand_over(directory, user)
    users, settings, own_port = directory / "users", directory / "settings", free_port()
    users.write_text('"postgres" ""\n')
    settings.write_text(PGBOUNCER.format(host=host, port=port, own_port=own_port, users=users))
    dsn = f"postgresql://postgres@127.0.0.1:{own_port}/postgres"
    with _running([program, str(settings)], directory, user, dsn, signal.SIGKILL):
        yield dsn
