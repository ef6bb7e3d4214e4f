"""Bytes that emails share are stored once, and purged where they are still the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.foreign import failures, move, prepare, stored

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

MIB = 1024 * 1024

SHARED = """
create table mail (id integer primary key, body text);
create table links (
    mail_id bigint, blob_id uuid, name text, primary key (mail_id, blob_id, name)
);
create table blobs (id uuid primary key, sha text, data bytea, at_s3 boolean default false);
create index on links (blob_id);
"""

SHARED_MAPPING = """
[email]
table = "mail"
key = "id"

[[part]]
kind = "blob"
table = "blobs"
key = "id"
email = "l.mail_id"
content = "data"
filename = "l.name"
shared = true
{more}

[[part.join]]
table = "links"
as = "l"
on = "l.blob_id = blobs.id"
"""


@pytest.mark.needs("conditional_put")
@pytest.mark.parametrize("native", [False, True])
def test_a_blob_that_emails_share_is_read_and_stored_once(
    application: Application, bucket: Bucket, program: Program, native: bool
) -> None:
    mark = """
    object_key = "{sha}"
    filter = "not at_s3"
    write_back = { at_s3 = { constant = true } }
    """
    more = mark if native else ""
    prepare(application, program, SHARED, SHARED_MAPPING.format(more=more))
    contents = [b"shared by all of them", b"two" * MIB * 3, b"of the first one "]
    run = application.connection.execute
    for content in contents:
        digest = hashlib.sha256(content).hexdigest()
        run("insert into blobs values (md5(%s)::uuid, %s, %s)", [digest, digest, content])
    run("insert into mail select n from generate_series(1, 20) as n")
    run("insert into links select m.id, b.id, 'a' from mail m, blobs b where length(data) > 17")
    run("insert into links select 1, b.id, 'b' from blobs as b")
    move(program, "-j", "1")

    keys = [hashlib.sha256(content).hexdigest() for content in contents]
    if not native:
        keys = [f"{key[:2]}/{key[2:4]}/{key}" for key in keys]
    assert bucket.listing() == sorted(keys)
    found = stored(application, bucket)
    assert len(found) == 20 * 2 + 1
    assert set(found.values()) == set(contents)
    assert application.one("select count(*) from mailvault.shared_part") == 3
    assert application.one("select bool_and(at_s3) from blobs") is native

    # What another email had stored is not looked at again.
    run("update blobs set data = null where length(data) > 17")
    run("update blobs set data = 'other'")
    run("insert into mail values (21); insert into links select 21, id, 'c' from blobs")
    move(program)
    assert bucket.listing() == sorted(keys)
    assert len(stored(application, bucket)) == 20 * 2 + 4
    application.reconcile()


def test_a_key_of_the_application_is_for_its_own_bytes_alone(
    application: Application, bucket: Bucket, program: Program
) -> None:
    prepare(application, program, SHARED, SHARED_MAPPING.format(more='object_key = "{sha}"'))
    bucket.client.put_object(Bucket=bucket.name, Key="taken", Body=b"of another")
    run = application.connection.execute
    run("insert into mail select n from generate_series(1, 3) as n")
    for number, sha in enumerate(["taken", None, "{sha256}/x"], start=1):
        run("insert into blobs values (md5(%s)::uuid, %s, 'a blob')", [str(number), sha])
        run("insert into links values (%s, md5(%s)::uuid, 'n')", [number, str(number)])
    move(program, code=1)
    said = failures(application)
    assert said["1"][0] == "key_taken"
    assert "no value for its object key" in said["2"][1]
    assert bucket.listing() == ["%7Bsha256}/x", "taken"]
    assert bucket.read("taken") == b"of another"


def test_purging_asks_for_the_bytes_digest(application: Application, program: Program) -> None:
    form = '[part.purge]\nset = { data = "null", sha = "sha256" }'
    mapping = SHARED_MAPPING.replace("{more}", "") + form
    prepare(application, program, SHARED, mapping)
    run = application.connection.execute
    run("insert into mail values (1)")
    for name in ("same", "other"):
        run("insert into blobs values (md5(%s)::uuid, 's', %s)", [name, name.encode()])
        run("insert into links select 1, md5(%s)::uuid, n from unnest(array['a', 'b']) n", [name])
    move(program)
    run("update blobs set data = 'changed' where data = 'other'")
    run("""
        select mailvault.source_purge(
            array_agg(p.kind), array_agg(p.part_key), array_agg(p.object_key), array_agg(o.sha256)
        )
        from mailvault.part as p inner join mailvault.object as o on o.key = p.object_key
    """)
    left = application.all("select data, length(sha) from blobs order by data")
    assert left == [(b"changed", 1), (None, 64)]
