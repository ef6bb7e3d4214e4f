"""Real servers for the tests: from wheels, or those that the environment names."""

from __future__ import annotations

import os
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from psycopg import sql

from mailvault.store.probe import learn
from tests.application import Application
from tests.program import Program
from tests.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from mailvault.config import Settings
    from mailvault.store.probe import Learned

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from deploy import debian, embedded
    from tests import containers
    from tests.s3.servers import SERVERS
    from tests.s3.servers.server import STORE_SETTINGS, client_of


UPLOADERS = ["rust", "boto3"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, in whatever order: nobody is to wait for them in the end."""
    items.sort(key=lambda item: "tests/model/" not in item.nodeid)


@dataclass(frozen=True)
class Bucket:
    """One empty bucket, its settings, and a client that shares no code with the uploaders."""

    name: str
    environment: dict[str, str]
    client: S3Client

    def settings(self, **changes: str | None) -> Settings:
        """Its settings, with changes."""
        return settings_of(self.environment, **changes)

    def listing(self) -> list[str]:
        """All keys, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def uploads(self) -> list[str]:
        """The keys of all multipart uploads that are under way."""
        try:
            found = self.client.list_multipart_uploads(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":  # rclone says that of none
                raise
            return []
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def keep_versions(self) -> None:
        """Have the bucket keep all versions of an object from now on."""
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )

    def read(self, key: str) -> bytes:
        """The bytes of one object."""
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()


@pytest.fixture(scope="session", autouse=True)
def _only_our_settings() -> Iterator[None]:
    """Keep the developer's own database and store out of the tests that do not ask for them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "S3_", "MIGRATION_", "PG")) or name == "DATABASE_URL":
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres(_given_environment: dict[str, str]) -> Iterator[str]:
    """DSN of a server on which databases may be made; no pooler is in between."""
    if given := _given_environment.get("DATABASE_URL"):
        yield given
        return
    with TemporaryDirectory(prefix="mailvault-postgres-") as name:
        directory = Path(name)
        match _given_environment.get("MAILVAULT_TEST_POSTGRES"):
            case "15":
                with debian.postgres_15(directory / "15") as dsn:
                    yield dsn
            case "container":
                with containers.postgres() as dsn:
                    yield dsn
            case None:
                yield embedded.start_postgres(directory)
                embedded.stop_postgres(directory)
            case other:
                pytest.exit(f"MAILVAULT_TEST_POSTGRES: {other} is none that the tests can start")


@pytest.fixture(scope="session")
def way(_given_environment: dict[str, str], postgres: str) -> Iterator[str]:
    """DSN by which the program and the application reach the server."""
    match _given_environment.get("MAILVAULT_TEST_POOLER"):
        case "pgbouncer":
            with psycopg.connect(postgres) as connection:
                host, port = connection.info.host, connection.info.port
            with (
                TemporaryDirectory(prefix="mailvault-pgbouncer-") as directory,
                debian.pgbouncer(Path(directory) / "pgbouncer", host, port) as dsn,
            ):
                yield dsn
        case None:
            yield postgres
        case other:
            pytest.exit(f"MAILVAULT_TEST_POOLER: {other} is none that the tests can start")


@pytest.fixture(scope="session")
def _given_environment() -> dict[str, str]:
    return GIVEN


GIVEN = dict(os.environ)


@pytest.fixture
def direct(postgres: str) -> Iterator[str]:
    """DSN of an empty database that is dropped after the test; no pooler is in between."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield psycopg.conninfo.make_conninfo(postgres, dbname=name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database(direct: str, way: str, request: pytest.FixtureRequest) -> str:
    """DSN of that database by the way that the program takes."""
    if request.node.get_closest_marker("direct"):
        return direct
    name = psycopg.conninfo.conninfo_to_dict(direct)["dbname"]
    return psycopg.conninfo.make_conninfo(way, dbname=name)


@pytest.fixture(scope="session")
def store(_given_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Settings of an S3 server on which buckets may be made."""
    if _given_environment.get("S3_ENDPOINT"):
        yield {name: _given_environment.get(name, "") for name in STORE_SETTINGS}
        return
    match _given_environment.get("MAILVAULT_TEST_STORE"):
        case "container":
            with containers.minio() as settings:
                yield settings
        case None:
            with (
                TemporaryDirectory(prefix="mailvault-s3-") as directory,
                SERVERS["seaweedfs"].running(Path(directory)) as settings,
            ):
                yield settings
        case other:
            pytest.exit(f"MAILVAULT_TEST_STORE: {other} is none that the tests can start")


@pytest.fixture(scope="session")
def learned(store: dict[str, str]) -> Learned:
    """What a bucket of that store can do."""
    return learn_of(store)


def learn_of(store: dict[str, str]) -> Learned:
    """Make a bucket, and find out what it can do."""
    with make_bucket(store) as bucket:
        return learn(bucket.settings())


@pytest.fixture(autouse=True)
def _able(request: pytest.FixtureRequest) -> None:
    """Skip a test that needs what the store was seen to lack."""
    marker = request.node.get_closest_marker("needs")
    if marker is None:
        return
    learned: Learned = request.getfixturevalue("learned")
    if lacking := [name for name in marker.args if not learned.can(name)]:
        pytest.skip(f"the store cannot: {', '.join(lacking)}")


@contextmanager
def make_bucket(store: dict[str, str]) -> Iterator[Bucket]:
    """Make an empty bucket, and remove it with what is in it."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    client = client_of(store, Config(retries={"max_attempts": 5}))
    client.create_bucket(Bucket=name)
    found = Bucket(name, {**store, "S3_BUCKET": name}, client)
    try:
        yield found
    finally:
        while keys := found.listing()[:1000]:
            client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key} for key in keys]})
        try:
            client.delete_bucket(Bucket=name)
        except ClientError as error:
            # rclone keeps directories of objects that are gone.
            if found.uploads() or error.response["Error"]["Code"] != "BucketNotEmpty":
                raise
        client.close()


@pytest.fixture
def bucket(store: dict[str, str]) -> Iterator[Bucket]:
    """An empty bucket that is removed after the test."""
    with make_bucket(store) as bucket:
        yield bucket


@pytest.fixture
def application(database: str, tmp_path: Path) -> Iterator[Application]:
    """An application with mailvault set up on its database."""
    root = tmp_path / "files"
    root.mkdir()
    (root / "of-another.txt").touch()  # an empty root would look like a volume that is not mounted
    application = Application(database, root)
    yield application
    application.connection.close()


@pytest.fixture
def program(application: Application, bucket: Bucket, tmp_path: Path) -> Program:
    """mailvault, between an initialised application and an empty bucket."""
    directory = tmp_path / "cwd"
    directory.mkdir()
    return Program(directory, {**application.environment(), **bucket.environment})
