"""The doctor on the uploader and the bucket."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import mailvault
from mailvault.observe.doctor import Finding, examine_store
from mailvault.store.probe import ABILITIES
from tests.fault.store_proxy import StoreProxy
from tests.program import Program
from tests.s3.fake_store import Answer, FakeStore, Request
from tests.s3.test_learn import DENIED, DONE, FIRST, asks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Bucket


@pytest.fixture
def doctor(bucket: Bucket, tmp_path: Path) -> Program:
    """mailvault with a bucket, and no database."""
    nowhere = {"DATABASE_URL": "postgresql://127.0.0.1:9/nowhere"}
    return Program(tmp_path, {**bucket.environment, **nowhere})


def bucket_by(bucket: Bucket, answer: Answer, *kind: str) -> list[Finding]:
    """What is found of a bucket that gives this answer to requests of one kind."""

    def script(request: Request) -> Answer | None:
        return answer if asks(request, *kind) else None

    with StoreProxy(bucket.environment["S3_ENDPOINT"], script) as line:
        found = examine_store(bucket.settings(s3_endpoint=line.endpoint))
        return [finding for finding in found if finding.check == "bucket"]


def test_a_good_bucket_is_left_as_it_was(bucket: Bucket) -> None:
    found = list(examine_store(bucket.settings()))
    assert [finding.check for finding in found] == ["uploader", "bucket", "provider", "clock"]
    assert {finding.severity for finding in found} == {"ok"}
    assert bucket.listing() == []


def test_what_mailvault_does_not_use_is_no_finding(bucket: Bucket) -> None:
    [found] = bucket_by(bucket, DENIED, "GET", "list-type=2.*")
    assert found.severity == "ok"


@pytest.mark.parametrize(
    ("answer", "kind", "severity", "said", "remedy"),
    [
        (DENIED, ("GET", FIRST), "problem", "cannot tell its own object", "allow s3:GetObject"),
        (
            DONE, ("PUT", "-sha256"), "warning",
            "does not refuse bytes that do not have the SHA-256", "upgrade the store",
        ),
        (
            DENIED, ("DELETE", "-[0-9a-f-]+"), "notice",
            "does not let us delete (403 AccessDenied: scripted)", "allow s3:DeleteObject",
        ),
        (
            DENIED, ("DELETE", r"\?uploadId=.*"), "warning",
            "does not forget a multipart upload", "allow s3:AbortMultipartUpload",
        ),
    ],
)  # fmt: skip
def test_what_a_bucket_lacks_is_found_with_its_remedy(
    bucket: Bucket, answer: Answer, kind: tuple[str, ...], severity: str, said: str, remedy: str
) -> None:
    [found] = bucket_by(bucket, answer, *kind)
    assert found.severity == severity
    assert said in found.what
    assert found.remedy is not None
    assert found.remedy.startswith(remedy)
    assert "{" not in found.remedy


@pytest.mark.parametrize(("ahead", "severity"), [(0, "ok"), (120, "warning"), (-120, "warning")])
def test_a_store_with_another_clock_is_found(ahead: int, severity: str) -> None:
    with FakeStore(ahead=ahead) as store:
        *_, found = examine_store(store.settings())
    assert (found.check, found.severity) == ("clock", severity)
    assert ("ahead" if ahead > 0 else "behind" if ahead else "less than") in found.what


@pytest.mark.parametrize(
    ("provider", "severity", "said"),
    [("r2", "ok", "region auto"), ("gcs", "warning", "would be written over")],
)
def test_what_is_known_of_a_provider_is_told(provider: str, severity: str, said: str) -> None:
    with FakeStore() as store:
        findings = examine_store(store.settings(s3_provider=provider))
        [found] = [finding for finding in findings if finding.check == "provider"]
    assert (found.severity, said in found.what) == (severity, True)


def test_a_store_that_is_not_there_is_found(bucket: Bucket) -> None:
    found = list(examine_store(bucket.settings(s3_endpoint="http://127.0.0.1:9")))
    assert [(finding.check, finding.severity) for finding in found] == [
        ("uploader", "ok"),
        ("bucket", "problem"),
    ]
    assert found[1].remedy == "check S3_ENDPOINT, and that the store runs"


def test_a_setting_that_is_missing_is_found(bucket: Bucket) -> None:
    found = list(examine_store(bucket.settings(s3_bucket=None)))
    assert {(finding.what, finding.severity) for finding in found} == {
        ("S3_BUCKET is not set", "problem")
    }


def test_a_missing_extension_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mailvault.store.rust", raising=False)
    monkeypatch.delattr(mailvault, "_rust", raising=False)
    monkeypatch.setitem(sys.modules, "mailvault._rust", None)
    found = next(iter(examine_store(bucket.settings())))
    assert found.severity == "notice"
    assert found.what.startswith("the uploader is boto3: the Rust extension is not installed")


def test_the_table_needs_no_database_and_has_all_abilities(doctor: Program) -> None:
    lines = doctor.run("doctor", "--store").stdout.splitlines()
    rows = lines[: len(ABILITIES)]
    assert [row.split()[1] for row in rows if row.startswith("yes")] == [
        ability.name
        for ability in ABILITIES
        if ability.name not in {"versioning", "storage_class", "object_lock"}  # nobody asked
    ]
    assert [line.split()[:2] for line in lines[len(ABILITIES) :]] == [
        ["ok", "uploader"],
        ["ok", "provider"],
        ["ok", "clock"],
        ["nothing", "is"],
    ]


def test_the_table_as_json(doctor: Program) -> None:
    said = doctor.run("doctor", "--store", "--json", S3_SSE="none").stdout
    lines = [json.loads(line) for line in said.splitlines()]
    rows = {line["ability"]: line for line in lines if line["event"] == "ability"}
    assert list(rows) == [ability.name for ability in ABILITIES]
    assert rows["put"]["answer"] == "yes"
    assert (rows["encryption"]["answer"], rows["encryption"]["detail"]) == (
        "not tried",
        "S3_SSE=none",
    )
    assert lines[-1]["event"] == "summary"


def test_a_problem_of_the_bucket_is_an_exit_code(bucket: Bucket, doctor: Program) -> None:
    missing = doctor.run("doctor", "--store", code=1, S3_BUCKET="no-such-bucket").stdout
    assert "→ check S3_BUCKET" in missing

    with StoreProxy(
        bucket.environment["S3_ENDPOINT"],
        lambda request: DENIED if asks(request, "GET", FIRST) else None,
    ) as line:
        said = doctor.run("doctor", "--store", code=1, S3_ENDPOINT=line.endpoint).stdout
    [row] = [one for one in said.splitlines() if one.startswith("no ") and "versioning" not in one]
    assert row.endswith(f"→ allow s3:GetObject on arn:aws:s3:::{bucket.name}/*")
    assert said.endswith("1 problem\n")
