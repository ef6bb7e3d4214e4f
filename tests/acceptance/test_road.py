"""The whole road: what is in the source arrives, byte for byte, and is recorded."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from backports import zstd

from mailvault.models import Encoding
from tests.conftest import UPLOADERS

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

MIB = 1024 * 1024


def fill(application: Application) -> None:
    application.add_emails(40)
    application.add_email("")
    application.add_email(None)
    application.add_email("plain text, no tags, ünïcödé")
    application.add_email("<p>" + "large " * (9 * MIB // 6) + "</p>")
    application.add_file(1, b"", "empty.bin")
    application.add_file(1, b"%PDF-1.4", "a/b/doc.pdf", filename="döc.pdf", content_type=None)
    application.add_file(2, bytes(range(256)) * 70_000, "large.bin", filename="x" * 300 + ".bin")
    application.add_file(3, b"x", "odd", filename='"../\r\n', content_type="no type\r\nX-Evil: 1")


def source_of(application: Application) -> dict[tuple[str, str], bytes]:
    """The bytes of every part, by kind and key, read without mailvault."""
    bodies = application.all("select id, body from emails where body is not null")
    files = application.all("select id, local_path from files")
    return {("body", str(key)): body.encode() for key, body in bodies} | {
        ("attachment", str(key)): (application.files_root / path).read_bytes()
        for key, path in files
    }


def ledger_of(application: Application) -> dict[tuple[str, str], tuple[str, int, str]]:
    rows = application.all("select kind, part, key, size, sha256 from mailvault.objects")
    return {(kind, part): (key, size, digest) for kind, part, key, size, digest in rows}


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_every_part_arrives_byte_for_byte(
    application: Application, bucket: Bucket, program: Program, uploader: str
) -> None:
    fill(application)
    program.run("enqueue", "--all")
    program.run("work", "--drain", "-j", "8", "--uploader", uploader)

    source, ledger = source_of(application), ledger_of(application)
    assert source.keys() == ledger.keys()
    for part, content in source.items():
        key, size, digest = ledger[part]
        assert bucket.read(key) == content
        assert (size, digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert bucket.listing() == sorted(key for key, _, _ in ledger.values())

    for email, migrated, attempts, error, key in application.all(
        "select id, is_migrated, migration_attempts, migration_error, body_s3_path from emails"
    ):
        assert (migrated, attempts, error) == (True, 1, None)
        assert key == ledger.get(("body", str(email)), (None,))[0]
    for file, key in application.all("select id, s3_path from files"):
        assert key == ledger["attachment", str(file)][0]
    assert application.one("select count(*) from emails where body is null") == 1
    application.reconcile()

    def head(kind: str, part: int) -> dict[str, Any]:
        return dict(bucket.client.head_object(Bucket=bucket.name, Key=ledger[kind, str(part)][0]))

    assert head("body", 1)["ContentType"] == "text/html; charset=utf-8"
    assert head("body", 43)["ContentType"] == "text/plain; charset=utf-8"
    assert head("attachment", 2)["ContentType"] == "application/pdf"
    assert "d%C3%B6c.pdf" in head("attachment", 2)["ContentDisposition"]
    assert head("attachment", 4)["ContentType"] == "application/octet-stream"
    assert head("body", 1)["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("uploader", UPLOADERS)
@pytest.mark.parametrize("encoding", get_args(Encoding))
def test_text_is_compressed_on_request(
    application: Application, bucket: Bucket, program: Program, uploader: str, encoding: str
) -> None:
    fill(application)
    application.add_file(2, b"a,b\n" * 1000, "table.csv", content_type="text/csv; charset=utf-8")
    program.run("enqueue", "--all")
    program.run("work", "--drain", "--uploader", uploader, MIGRATION_COMPRESS=encoding)

    compressed = set()
    ledger = application.all("""
        select kind, part, key, size, sha256, content_encoding, original_size, original_sha256
        from mailvault.objects
    """)
    source = source_of(application)
    assert {(kind, part) for kind, part, *_ in ledger} == source.keys()
    for kind, part, key, size, digest, said, *original in ledger:
        content, stored = source[kind, part], bucket.read(key)
        assert (size, digest) == (len(stored), hashlib.sha256(stored).hexdigest())
        head = bucket.client.head_object(Bucket=bucket.name, Key=key)
        assert (head.get("ContentEncoding") or None) == said
        if said is None:
            assert (stored, original) == (content, [None, None])
            continue
        assert said == encoding
        compressed.add((kind, part))
        assert (gzip if said == "gzip" else zstd).decompress(stored) == content
        assert original == [len(content), hashlib.sha256(content).hexdigest()]
    # Not the bodies of no bytes and of few, and no PDF; of the files, the table.
    assert {("body", "44"), ("attachment", "5")} <= compressed
    assert {part for kind, part in compressed if kind == "attachment"} == {"5"}
    moved = application.one("select sum(bytes)::bigint from mailvault.tally")
    assert moved == sum(size for _, _, _, size, *_ in ledger)

    # Again, as they are: what is there is the mail all the same.
    before = bucket.listing()
    application.connection.execute("truncate mailvault.job, mailvault.part, mailvault.object")
    application.connection.execute("truncate mailvault.batch, mailvault.tally")
    application.connection.execute("update emails set is_migrated = false, body_s3_path = null")
    program.run("enqueue", "--all")
    program.run("work", "--drain", "--uploader", uploader, "--compress", "none")
    assert bucket.listing() == before
    application.reconcile()


def test_status_tells_how_it_went(application: Application, program: Program) -> None:
    assert "nothing was enqueued" in program.run("status").stdout
    application.add_emails(5)
    application.add_file(2, None, "missing.txt")
    said = program.run("enqueue", "--all").stdout
    assert said == "batch 1: 5 emails dispatched\n"
    waiting = json.loads(program.run("status", "--json").stdout)
    assert waiting["batch"]["state"] == "waiting"
    assert waiting["queue"] == {"ready": 5, "delayed": 0, "leased": 0, "dead": 0}
    assert waiting["batch"]["eta_s"] is None
    program.run("work", "--drain", code=1)

    shown = json.loads(program.run("status", "--json", "--batch", "1").stdout)
    batch = shown["batch"]
    assert list(batch) == [
        "id", "state", "total", "dispatched", "processed", "failed", "remaining",
        "completion_pct", "success_pct", "rate_per_min", "elapsed_s", "eta_s",
    ]  # fmt: skip
    assert {name: batch[name] for name in list(batch)[:9]} == {
        "id": 1, "state": "finished", "total": 5, "dispatched": 5, "processed": 4, "failed": 1,
        "remaining": 0, "completion_pct": 100.0, "success_pct": 80.0,
    }  # fmt: skip
    assert shown["schema_version"] == 1
    assert shown["queue"] == {"ready": 0, "delayed": 0, "leased": 0, "dead": 1}
    assert shown["eta"] == {"state": "due", "low_s": None, "high_s": None, "at": None}
    assert shown["hold"] is None
    assert shown["workers"] == []
    [failure] = shown["failures"]
    assert failure.keys() == {"reason", "count", "retryable", "example", "hint"}
    assert (failure["reason"], failure["count"], failure["retryable"]) == (
        "file_missing",
        1,
        False,
    )

    text = program.run("status").stdout
    for word in ("batch 1: finished", "100.00%", "file_missing", "missing.txt", "80.00%"):
        assert word in text


def test_what_failed_is_listed_and_retried(application: Application, program: Program) -> None:
    application.add_emails(3)
    file = application.add_file(2, None, "late.txt")
    program.run("enqueue", "--all")
    program.run("work", "--drain", code=1)
    text = program.run("failed").stdout
    assert "file_missing" in text
    letter = json.loads(program.run("failed", "list", "--json").stdout)
    assert (letter["email"], letter["reason"], letter["attempts"]) == ("2", "file_missing", 1)

    (application.files_root / "late.txt").write_bytes(b"here now")
    command = "mailvault retry --reason file_missing --reset"
    assert command in text
    assert "1 sent back" in program.run(*command.split()[1:]).stdout
    program.run("work", "--drain")
    assert application.one("select s3_path from files where id = %s", file) is not None
    assert application.all("select is_migrated, migration_error from emails where id = 2") == [
        (True, None)
    ]
    assert "nothing has failed" in program.run("failed").stdout
    application.reconcile()


def test_work_in_several_processes(application: Application, program: Program) -> None:
    application.add_emails(300)
    program.run("enqueue", "--all", "--batch-size", "100")
    program.run("work", "--drain", "--processes", "2", "-j", "4")
    assert application.one("select processed from mailvault.progress") == 300
    assert application.one("select count(*) from mailvault.worker where state = 'stopped'") == 2
    application.reconcile()


def test_max_jobs_ends_a_worker(application: Application, program: Program) -> None:
    application.add_emails(50)
    program.run("enqueue", "--all")
    program.run("work", "--max-jobs", "7", "-j", "4")
    assert application.one("select processed from mailvault.progress") == 7
    assert application.one("select count(*) from mailvault.lease") == 0
    application.reconcile()


def test_an_email_is_moved_again_without_a_second_object(
    application: Application, bucket: Bucket, program: Program
) -> None:
    """As after a crash between the upload and the ack."""
    application.add_emails(5)
    program.run("enqueue", "--all")
    program.run("work", "--drain")
    before = bucket.listing()
    application.connection.execute("truncate mailvault.job, mailvault.part, mailvault.object")
    application.connection.execute("truncate mailvault.batch, mailvault.tally")
    application.connection.execute("update emails set is_migrated = false, body_s3_path = null")
    program.run("enqueue", "--all")
    program.run("work", "--drain")
    assert bucket.listing() == before
    assert application.one("select count(body_s3_path) from emails") == 5


def test_another_object_under_the_key_is_left_alone(
    application: Application, bucket: Bucket, program: Program
) -> None:
    application.add_email("<p>mine</p>")
    program.run("enqueue", "--all")
    program.run("work", "--drain")
    [key] = bucket.listing()
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"theirs")
    application.connection.execute("truncate mailvault.job, mailvault.part, mailvault.object")
    application.connection.execute("truncate mailvault.batch, mailvault.tally")
    application.connection.execute("update emails set is_migrated = false, body_s3_path = null")
    program.run("enqueue", "--all")
    program.run("work", "--drain")
    other = application.one("select body_s3_path from emails")
    assert other != key
    assert bucket.read(key) == b"theirs"
    assert bucket.read(other) == b"<p>mine</p>"


def test_the_flag_wins_over_the_environment_over_the_files(
    application: Application, program: Program
) -> None:
    application.add_emails(10)
    (program.directory / ".env").write_text("MIGRATION_BATCH_SIZE=0\n")
    (program.directory / "mailvault.toml").write_text("migration_batch_size = 5\n")
    assert "MIGRATION_BATCH_SIZE" in program.run("enqueue", "--all", code=2).stderr
    program.run("enqueue", "--limit", "3", MIGRATION_BATCH_SIZE="2")
    (program.directory / ".env").unlink()
    program.run("enqueue", "--all")
    assert application.one("select count(*) from mailvault.job") == 10


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_equal_parts_are_stored_once_where_keys_are_of_the_content(
    application: Application, bucket: Bucket, program: Program, uploader: str
) -> None:
    logo, large = b"\x89PNG logo", bytes(range(256)) * 40_000
    for number in range(1, 9):
        email = application.add_email("<p>out of office</p>" if number % 2 else f"<p>{number}</p>")
        application.add_file(email, logo, f"{number}/logo.png", filename=f"logo-{number}.png")
        application.add_file(email, large, f"{number}/large.bin")
    program.run("enqueue", "--all")
    program.run("work", "--drain", "-j", "8", "--uploader", uploader, MIGRATION_KEYS="content")

    source, ledger = source_of(application), ledger_of(application)
    assert source.keys() == ledger.keys()
    for part, content in source.items():
        digest = hashlib.sha256(content).hexdigest()
        assert ledger[part] == (f"{digest[:2]}/{digest[2:4]}/{digest}", len(content), digest)
        assert bucket.read(ledger[part][0]) == content
    assert bucket.listing() == sorted({key for key, _, _ in ledger.values()})
    shared = application.all(
        "select parts::integer, size, bytes_saved from mailvault.shared_objects() order by size"
    )
    sizes = (len(logo), len("<p>out of office</p>"), len(large))
    assert shared == [
        (parts, size, size * (parts - 1)) for parts, size in zip((8, 4, 8), sizes, strict=True)
    ]
    head = bucket.client.head_object(Bucket=bucket.name, Key=ledger["attachment", "1"][0])
    assert head["Metadata"] == {}
    application.reconcile()
