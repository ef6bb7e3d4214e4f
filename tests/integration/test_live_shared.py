"""A part that emails share is forgotten when it changes, whoever reads or records it meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.db import query
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.live import install_live
from mailvault.source.mapping.views import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application

TABLES = """
create table mail (id integer primary key);
create table blobs (id integer primary key, place integer);
create table extra (place integer primary key, data bytea);
create table links (mail_id integer, blob_id integer, name text, primary key (mail_id, blob_id));
insert into mail values (1), (2);
insert into extra values (10, 'old');
insert into blobs values (7, 10);
insert into links values (1, 7, 'a')
"""

MAPPING = Mapping.model_validate({
    "email": {"table": "mail", "key": "id"},
    "part": [
        {
            "kind": "blob", "table": "blobs", "key": "id", "email": "l.mail_id",
            "content": {"sql": "data"}, "filename": "l.name", "shared": True,
            "join": [
                {"table": "extra", "on": "extra.place = blobs.place"},
                {"table": "links", "as": "l", "on": "l.blob_id = blobs.id"},
            ],
        }
    ],
})  # fmt: skip

CLAIM = "create table held as select * from mailvault.claim(1, 10, '1 minute')"
RELEASE = "select mailvault.release(array_agg(job_id), array_agg(token)) from held"
MARK = "select mailvault.source_mark_parts(array['blob'], array['7'], array['object'])"
KNOWN = "select count(*) from mailvault.shared_part"


@pytest.fixture
def sharing(application: Application) -> Iterator[Application]:
    """An application in which the bytes of a blob are in another table; one is stored."""
    run = application.connection.execute
    run(TABLES)
    source = Source(application.connection, MAPPING)
    source.install(application.connection)
    install_live(application.connection, source)
    run(
        "insert into mailvault.object (key, size, sha256, etag, content_type) "
        "values ('object', 3, sha256('old'), 'x', 'text/plain')"
    )
    run(MARK)
    assert answered(application.connection) == 1
    yield application
    application.reconcile()


def answered(connection: psycopg.Connection) -> int:
    """How many of the parts a worker is told to be stored already."""
    wanted = {"kinds": ["blob"], "part_keys": ["7"]}
    return len(connection.execute(query("source", "shared"), wanted).fetchall())


@pytest.mark.parametrize(
    "change",
    [
        "update extra set data = 'new'",
        "update blobs set place = 11; insert into extra values (11, 'new')",
        "delete from links; update extra set data = 'new'; insert into links values (2, 7, 'b')",
        "delete from links; delete from blobs; insert into blobs values (7, 10)",
        "delete from extra; insert into extra values (10, 'new')",
    ],
)
def test_bytes_that_changed_anywhere_are_read_again(sharing: Application, change: str) -> None:
    sharing.connection.execute(change)
    assert answered(sharing.connection) == 0
    sharing.one("select mailvault.absorb()")
    assert answered(sharing.connection) == 0
    assert sharing.one("select count(*) from mailvault.change") == 0


def test_another_email_with_a_part_does_not_change_it(sharing: Application) -> None:
    run = sharing.connection.execute
    run("insert into links values (2, 7, 'b')")
    run("update links set name = 'c'")
    run("insert into mail values (3)")
    sharing.one("select mailvault.absorb()")
    assert answered(sharing.connection) == 1


def test_who_reads_while_a_change_is_taken_up_gets_the_new_bytes(sharing: Application) -> None:
    sharing.connection.execute("update extra set data = 'new'")
    with psycopg.connect(sharing.dsn) as other:
        other.execute("select mailvault.absorb()")
        assert answered(sharing.connection) == 0
        assert answered(other) == 0


def test_who_read_a_part_before_it_changed_does_not_bring_it_back(sharing: Application) -> None:
    run = sharing.connection.execute
    sharing.one("select mailvault.enqueue(1)")
    run(CLAIM)
    run("delete from mailvault.shared_part")
    with psycopg.connect(sharing.dsn) as one:
        one.execute(RELEASE)
        one.execute(MARK)
        run("delete from links; update extra set data = 'new'")
        sharing.one("select mailvault.absorb()")
    assert sharing.one(KNOWN) == 1
    assert answered(sharing.connection) == 0
    sharing.one("select mailvault.absorb()")
    assert sharing.one(KNOWN) == 0


def test_a_change_of_a_part_stays_for_the_leases_from_before_it(sharing: Application) -> None:
    run = sharing.connection.execute
    sharing.one("select mailvault.enqueue(1)")
    run(CLAIM)
    run("delete from links where mail_id = 1; update extra set data = 'new'")
    with psycopg.connect(sharing.dsn) as one, psycopg.connect(sharing.dsn) as other:
        # Two at once, each with changes of its own.
        one.execute("select mailvault.absorb(1)")
        other.execute("select mailvault.absorb()")
        run(MARK)
        assert answered(sharing.connection) == 0
    run(MARK)
    assert answered(sharing.connection) == 0
    # Whoever claims now reads the new bytes, and need not be waited for.
    sharing.one("select mailvault.enqueue(2)")
    sharing.one("select count(*) from mailvault.claim(1, 10, '1 minute')")
    run(RELEASE)
    sharing.one("select mailvault.absorb()")
    assert sharing.all("select part_key from mailvault.change where kind is not null") == []
    assert sharing.one(KNOWN) == 0
    run(MARK)
    assert answered(sharing.connection) == 1
