"""The mappings of examples/, each over its application's own tables."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.application import Application
from tests.applications.release import EXAMPLES, Release
from tests.fault.store_proxy import StoreProxy
from tests.foreign import failures, move, prepare, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.applications.release import Expected
    from tests.conftest import Bucket
    from tests.program import Program

WRITTEN = {
    "chatwoot": {"active_storage_blobs"},
    "laravel": {"emails", "files"},
    "zammad": {"store_files"},
}
"""The tables that are written to; nothing else of any application is."""

SHARED = {
    ("chatwoot", "attachment"),
    ("chatwoot", "raw"),
    ("odoo", "attachment"),
    ("zammad", "file"),
}
"""The parts of which several emails may have the same row."""

RULES = {
    "chatwoot": """
        select l.record_type || ':' || l.record_id, b.key
        from active_storage_attachments as l
        inner join active_storage_blobs as b on b.id = l.blob_id
        where b.service_name = 'amazon'
    """,
    "request_tracker": """
        select 'attachments:' || id, content from attachments where contentencoding = 'external'
    """,
    "zammad": """
        select 'stores:' || s.id, f.sha
        from stores as s inner join store_files as f on f.id = s.store_file_id
        where f.provider = 'S3'
    """,
}
"""What each application takes to be in S3, and under which key it looks there."""

BYTES = {
    "laravel": "select 'body', id::text, convert_to(body, 'UTF8') from emails",
    "request_tracker": "select 'part', id::text, convert_to(content, 'UTF8') from attachments",
    "zammad": """
        select 'file', f.id::text, d.data
        from store_files as f inner join store_provider_dbs as d using (sha)
    """,
}
"""What can be purged, as the table has it."""


@pytest.fixture
def application(database: str, tmp_path: Path) -> Iterator[Application]:
    """An application that has no tables yet."""
    root = tmp_path / "files"
    root.mkdir()
    application = Application(database, root, is_new=False)
    yield application
    application.connection.close()


def install(name: str, application: Application, program: Program) -> Release:
    release = Release(name)
    release.lay_out(application.files_root)
    prepare(application, program, release.tables, release.mapping)
    return release


def tables(application: Application) -> dict[str, str]:
    """What is in each table of the application."""
    names = application.all("select tablename from pg_tables where schemaname = 'public'")
    digest = "select md5(string_agg(t::text, '' order by t::text)) from {} as t"
    return {name: application.one(digest.format(name)) for (name,) in names}


def objects_of(release: Release, parts: list[Expected], keys: str) -> Counter[str]:
    """How many parts each object must hold, by something that tells the objects apart."""

    def by_content(part: Expected) -> bool:
        return keys == "content" or (release.name, part.kind) in SHARED

    return Counter(
        part.application_key or (f"bytes {part.sha256}" if by_content(part) else part.part)
        for part in parts
    )


def check_ledger(release: Release, application: Application, bucket: Bucket) -> None:
    """Every part is stored with exactly its bytes, and nothing else is."""
    rows = application.all(
        "select email, kind, key, size::text, sha256, content_type from mailvault.objects"
    )
    for _, _, key, size, digest, _ in rows:
        content = bucket.read(key)
        assert (str(len(content)), hashlib.sha256(content).hexdigest()) == (size, digest)
    assert Counter((*row[:2], *row[3:5], row[5].partition(";")[0]) for row in rows) == Counter(
        (part.email, part.kind, part.size, part.sha256, part.content_type.partition(";")[0])
        for part in release.recorded
    )


def check_rule(release: Release, application: Application, bucket: Bucket) -> None:
    """The application finds in S3 what was moved, each under the key that it asks for."""
    found = dict(application.all(RULES[release.name]))
    native = [part for part in release.recorded if part.application_key]
    assert native
    for part in native:
        assert found.pop(part.part) == part.application_key
        content = bucket.read(part.application_key)
        assert hashlib.sha256(content).hexdigest() == part.sha256
    for part in release.expected:
        if part.where.startswith("s3"):
            assert found.pop(part.part) == part.application_key
    for key in found.values():  # other links to what was moved
        bucket.read(key)


@pytest.mark.parametrize(
    ("name", "uploader", "jobs", "keys"),
    [(file.stem, "rust", "16", "id") for file in sorted(EXAMPLES.glob("*.toml"))]
    + [(name, "boto3", "1", "content") for name in ("odoo", "zammad")],
)
def test_an_application_is_moved_byte_for_byte(
    application: Application,
    bucket: Bucket,
    program: Program,
    name: str,
    uploader: str,
    jobs: str,
    keys: str,
) -> None:
    release = install(name, application, program)
    before = tables(application)
    code = 1 if release.failing else 0
    program.environment["MIGRATION_KEYS"] = keys
    move(program, "-j", jobs, "--uploader", uploader, code=code)

    check_ledger(release, application, bucket)
    said = failures(application)
    assert said.keys() == release.failing
    for part in release.expected:
        if part.outcome == "lost":
            file = part.where.removeprefix("file:")
            row = part.part.rpartition(":")[2]
            message = f"{part.kind} {row}: file {file}: no such file"
            assert said[part.email] == ("file_missing", message)
    # The other parts of an email that failed are there for its next attempt.
    moved = [part for part in release.expected if part.outcome == "moved"]
    assert len(bucket.listing()) == len(objects_of(release, moved, keys))
    holding = objects_of(release, release.recorded, keys)
    assert sorted(count for count in holding.values() if count > 1) == sorted(
        parts for (parts,) in application.all("select parts from mailvault.shared_objects()")
    )

    after = tables(application)
    assert {table for table in after if after[table] != before[table]} == WRITTEN.get(name, set())
    if name in WRITTEN.keys() & RULES.keys():
        check_rule(release, application, bucket)
    application.reconcile()

    listing, ledger = bucket.listing(), stored(application, bucket)
    move(program)
    assert (bucket.listing(), stored(application, bucket)) == (listing, ledger)
    assert tables(application) == after


@pytest.mark.parametrize("name", sorted({name for name, _ in SHARED}))
def test_a_shared_blob_is_sent_once(
    application: Application, bucket: Bucket, program: Program, name: str
) -> None:
    release = install(name, application, program)
    with StoreProxy(bucket.environment["S3_ENDPOINT"]) as line:
        program.environment["S3_ENDPOINT"] = line.endpoint
        move(program)
    paths = (urlsplit(request.path).path for request in line.passed if request.method == "PUT")
    sent = Counter(path.removeprefix(f"/{bucket.name}/") for path in paths)
    blobs = application.all("select object_key, count(*) from mailvault.shared_part group by 1")
    assert {key: sent[key] for key, _ in blobs} == dict(blobs)
    check_ledger(release, application, bucket)


def test_a_shared_blob_that_is_lost_fails_each_of_its_emails(
    application: Application, bucket: Bucket, program: Program
) -> None:
    release = install("chatwoot", application, program)
    lost = next(part for part in release.expected if part.part == "Attachment:1")
    (application.files_root / lost.where.removeprefix("file:")).unlink()
    move(program, code=1)
    emails = {
        part.email for part in release.expected if part.application_key == lost.application_key
    }
    assert len(emails) == 3
    said = failures(application)
    assert said.keys() == emails
    assert {reason for reason, _ in said.values()} == {"file_missing"}
    assert not application.one(
        "select service_name = 'amazon' from active_storage_blobs where id = 1"
    )
    application.reconcile()


@pytest.mark.parametrize("name", BYTES)
def test_what_was_moved_is_purged_as_the_application_has_it(
    application: Application, bucket: Bucket, program: Program, name: str
) -> None:
    release = install(name, application, program)
    rows = {(kind, key): content for kind, key, content in application.all(BYTES[name])}
    move(program, code=1 if release.failing else 0)
    ledger = application.all("select distinct kind, part, key from mailvault.objects")
    purged = [part for part in ledger if part[:2] in rows]
    moved = tables(application)

    def purge(*added: bytes) -> None:
        digests = [
            hashlib.sha256(b"".join((rows[kind, key], *added))).digest() for kind, key, _ in purged
        ]
        kinds, keys, objects = zip(*purged, strict=True)
        application.connection.execute(
            "select mailvault.source_purge(%s, %s, %s, %s)",
            [list(kinds), list(keys), list(objects), digests],
        )

    purge(b" and what came since")
    assert tables(application) == moved
    purge()
    left = application.all(BYTES[name])
    same = {(kind, key) for kind, key, content in left if content == rows[kind, key]}
    assert same == rows.keys() - {part[:2] for part in purged}
    if name in RULES:
        check_rule(release, application, bucket)
    check_ledger(release, application, bucket)
