"""Mail that real programs wrote, from files to the store, by both uploaders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import UPLOADERS, make_bucket
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

REPOSITORY = Path(__file__).parents[2]
CORPORA = {
    "samples": REPOSITORY / "deploy" / "samples",
    "shared": REPOSITORY.parent / "shared" / "mail",
}


def manifest(bucket: Bucket) -> dict[str, dict[str, Any]]:
    """What a client sees of every object: bytes, type and metadata."""
    found = {}
    for key in bucket.listing():
        head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
        seen = ("ContentLength", "ContentType", "ContentDisposition", "Metadata", "ETag")
        found[key] = {name: head.get(name) for name in (*seen, "ChecksumSHA256")}
        found[key]["bytes"] = bucket.read(key)
    return found


@pytest.fixture
def second_bucket(store: dict[str, str]) -> Iterator[Bucket]:
    with make_bucket(store) as bucket:
        yield bucket


@pytest.mark.parametrize("corpus", CORPORA)
def test_both_uploaders_move_it_byte_for_byte(
    application: Application,
    bucket: Bucket,
    second_bucket: Bucket,
    program: Program,
    postgres: str,
    corpus: str,
) -> None:
    if not CORPORA[corpus].is_dir():
        pytest.skip(f"{CORPORA[corpus]} is not there")
    program.run("import", str(CORPORA[corpus]))
    program.run("enqueue", "--all")
    source = {
        ("body", str(email)): body.encode()
        for email, body in application.all("select id, body from emails where body is not null")
    } | {
        ("attachment", str(file)): (application.files_root / path).read_bytes()
        for file, path in application.all("select id, local_path from files")
    }
    assert len(source) >= 12

    name = application.connection.info.dbname
    application.connection.close()
    twin = f"{name}_twin"
    with psycopg.connect(postgres, autocommit=True) as admin:
        # A pooler keeps its connections for a while, and a template may have none.
        used = "select from pg_stat_activity where datname = %s"
        wait_until(lambda: not admin.execute(used, [name]).rowcount, "nobody to be connected")
        copy = sql.SQL("create database {} template {}")
        admin.execute(copy.format(sql.Identifier(twin), sql.Identifier(name)))
    try:
        manifests = []
        for uploader, database, target in zip(
            UPLOADERS, (name, twin), (bucket, second_bucket), strict=True
        ):
            url = psycopg.conninfo.make_conninfo(application.dsn, dbname=database)
            environment = {**program.environment, **target.environment, "DATABASE_URL": url}
            there = replace(program, environment=environment)
            there.run("work", "--drain", "--uploader", uploader)
            with psycopg.connect(url) as connection:
                rows = connection.execute("select kind, part, key from mailvault.objects")
                ledger = {(kind, part): key for kind, part, key in rows}
            assert ledger.keys() == source.keys()
            for part, content in source.items():
                assert target.read(ledger[part]) == content
            manifests.append(manifest(target))
        assert manifests[0] == manifests[1]
        assert len(manifests[0]) == len(source)
    finally:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(twin)))
