"""Moves one large attachment, and prints time and peak memory: `python -m bench.large --gib 2`."""

from __future__ import annotations

import hashlib
import random

import click
import psycopg

from bench.setting import servers

MIB = 2**20


@click.command()
@click.option("--gib", type=int, default=2, show_default=True)
@click.option("--uploader", default="auto", show_default=True)
def main(gib: int, uploader: str) -> None:
    """Make a file, move it, and compare the ledger's digest with the file's."""
    with servers() as setting:
        digest = hashlib.sha256()
        source = random.Random(1)
        files = setting.directory / "files"
        files.mkdir()
        with (files / "large.bin").open("wb") as file:
            for _ in range(gib * 1024):
                block = source.randbytes(MIB)
                digest.update(block)
                file.write(block)
        with psycopg.connect(setting.dsn, autocommit=True) as connection:
            connection.execute("insert into emails (body) values ('<p>see attached</p>')")
            connection.execute(
                "insert into files (email_id, filename, size, local_path) "
                "values (1, 'large.bin', %s, 'large.bin')",
                [gib * 1024 * MIB],
            )
        setting.run("enqueue", "--all")
        run = setting.run("work", "--drain", "--uploader", uploader)
        with psycopg.connect(setting.dsn) as connection:
            row = connection.execute(
                "select sha256 from mailvault.objects where kind = 'attachment'"
            ).fetchone()
    assert row == (digest.hexdigest(),), "the ledger's digest is not the file's"
    print(
        f"{gib} GiB in {run.seconds:.1f} s, {run.cpu:.1f} s CPU, "
        f"peak memory {run.peak / MIB:.0f} MiB, digest right"
    )


if __name__ == "__main__":
    main()
