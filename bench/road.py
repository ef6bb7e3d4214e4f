"""Times the whole road over seeded mail: `python -m bench.road --emails 100000`.

Starts PostgreSQL and S3 from their wheels in a temporary directory, seeds, enqueues, and runs one
`mailvault work --drain` as a process of its own, of which it takes the CPU time and peak memory
from the kernel. The servers run on the same machine and compete for its cores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import psycopg

from deploy import embedded

if TYPE_CHECKING:
    import resource

    import psutil

MAILVAULT = [sys.executable, "-m", "mailvault"]


def cpu_of(server: psutil.Process | None) -> float:
    """CPU seconds so far of a server, and of the processes that it started and that ended."""
    assert server is not None
    times = server.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


@click.command()
@click.option("--emails", type=int, default=20_000, show_default=True)
@click.option("--attachments", default="0-3", show_default=True)
@click.option("-j", "concurrency", type=int, default=16, show_default=True)
@click.option("--processes", type=int, default=1, show_default=True)
@click.option("--uploader", default="auto", show_default=True)
def main(emails: int, attachments: str, concurrency: int, processes: int, uploader: str) -> None:
    """Print how long each stretch took, and what the worker cost."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        directory = Path(name)
        store = embedded.S3Server(directory / "s3")
        dsn = embedded.start_postgres(directory / "postgres")
        store.start()
        try:
            servers = (store.process(), embedded.postmaster(directory / "postgres"))
            environment = os.environ | embedded.environment(dsn, store.endpoint)
            environment["MIGRATION_FILES_ROOT"] = str(directory / "files")
            run(["init", "--example"], environment)
            run(["seed", "--emails", str(emails), "--attachments", attachments], environment)
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("vacuum analyze")
                connection.execute("checkpoint")
            run(["enqueue", "--all"], environment)
            before = [cpu_of(server) for server in servers]
            work = ["work", "--drain", "-j", str(concurrency), "--processes", str(processes)]
            seconds, usage, said = run([*work, "--uploader", uploader], environment)
            after = [cpu_of(server) for server in servers]
            with psycopg.connect(dsn, autocommit=True) as connection:
                row = connection.execute(
                    "select processed, parts, bytes from mailvault.progress"
                ).fetchone()
        finally:
            store.stop()
            embedded.stop_postgres(directory / "postgres")
    assert row is not None
    processed, parts, size = row
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"{processed:,} emails, {parts:,} objects, {size / 1e9:.2f} GB in {seconds:.1f} s: "
        f"{processed / seconds:,.0f} emails/s, {parts / seconds:,.0f} objects/s"
    )
    print(
        f"worker: {1000 * cpu / processed:.3f} ms CPU per email, "
        f"{1000 * cpu / parts:.3f} per object, peak {usage.ru_maxrss / 1024:.0f} MiB"
    )
    for server, start, end in zip(("S3 server", "PostgreSQL"), before, after, strict=True):
        print(f"{server}: {1000 * (end - start) / parts:.3f} ms CPU per object")
    for line in re.findall(r"worker \d+: .* emails stored.*", said):
        print(line)


def run(
    arguments: list[str], environment: dict[str, str]
) -> tuple[float, resource.struct_rusage, str]:
    """Run one command; return its wall time, the kernel's account of it, and what it said."""
    started = time.monotonic()
    with TemporaryDirectory() as name:
        log = Path(name) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*MAILVAULT, *arguments], env=environment, stdout=file, stderr=file, cwd=name
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said = log.read_text()
    seconds = time.monotonic() - started
    print(f"mailvault {' '.join(arguments)}: {seconds:.1f} s")
    if process.returncode:
        raise click.ClickException(said)
    return seconds, usage, said


if __name__ == "__main__":
    main()
