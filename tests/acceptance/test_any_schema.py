"""Mail in other tables than the example's goes the same road."""

from __future__ import annotations

import base64
import gzip
import quopri
from typing import TYPE_CHECKING

import pytest

from tests.conftest import UPLOADERS
from tests.foreign import failures, move, prepare, stored

if TYPE_CHECKING:
    from tests.application import Application
    from tests.conftest import Bucket
    from tests.program import Program

MIB = 1024 * 1024


KEYED = """
create schema "Odd One";
create table "Odd One"."the mail" (
    {definition},
    "the body" bytea, done boolean default false,
    primary key ({columns})
);
create table "Odd One"."100% files" (
    n integer, "of" text, {links}, name text, data bytea, gone boolean default false,
    primary key (n, "of")
);
create index on "Odd One"."100% files" ({columns});
"""

KEYED_MAPPING = """
[email]
table = "Odd One.the mail"
key = {names}
write_back = {{ done = "stored" }}

[[part]]
kind = "body"
table = "Odd One.the mail"
key = {names}
email = {names}
content = "the body"

[[part]]
kind = "file"
table = "Odd One.100% files"
key = ["n", "of"]
email = {names}
content = "data"
filename = "name"
write_back = {{ gone = {{ constant = true }} }}
"""

KEYS: dict[str, tuple[dict[str, str], list[tuple[str, ...]]]] = {
    "integer": ({"k": "integer"}, [("-3",), ("9",), ("10",)]),
    "bigint": ({"k": "bigint"}, [("4",), ("3000000000",), ("9223372036854775807",)]),
    "uuid": ({"k": "uuid"}, [(f"0b0e0b0e-0000-4000-8000-00000000000{n}",) for n in range(3)]),
    "text": ({'the "key': "text"}, [("a b",), ("Ä'%s\"\\",), ("{sha256}",)]),
    "composite": (
        {"tenant": "integer", "my id": "text"},
        [("1", "x,y"), ("1", 'z "(quoted)"'), ("2", "x,y")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_any_type_go_the_whole_road(
    application: Application, bucket: Bucket, program: Program, kind: str
) -> None:
    types, keys = KEYS[kind]
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in types]
    columns = ", ".join(quoted)
    pairs = zip(quoted, types.values(), strict=True)
    definition = ", ".join(f"{name} {of_type}" for name, of_type in pairs)
    names = "[" + ", ".join(f"'''{name}'''" for name in types) + "]"
    prepare(
        application,
        program,
        KEYED.format(definition=definition, links=definition, columns=columns),
        KEYED_MAPPING.format(names=names if len(types) > 1 else names[1:-1]),
    )
    holes = ", ".join(["%s"] * len(types))
    run = application.connection.execute
    for n, key in enumerate(keys):
        run(f'insert into "Odd One"."the mail" values ({holes}, %s)', [*key, b"body %d" % n])
        for of in ("one", "two, (2)"):
            run(
                f'insert into "Odd One"."100%% files" values (%s, %s, {holes}, %s, %s)',
                [n, of, *key, "same.bin", f"{n} {of}".encode()],
            )
    run("set enable_seqscan = off")
    program.run("enqueue", "--all", "--batch-size", "1")
    program.run("work", "--drain")

    found = stored(application, bucket)
    assert sorted(found.values()) == sorted(
        [b"body %d" % n for n in range(3)]
        + [f"{n} {of}".encode() for n in range(3) for of in ("one", "two, (2)")]
    )
    assert {part for _, sort, part in found if sort == "file"} >= {"(0,one)", '(2,"two, (2)")'}
    assert application.one('select bool_and(done) from "Odd One"."the mail"')
    assert application.one('select bool_and(gone) from "Odd One"."100%% files"')
    assert application.one("select count(*) from mailvault.job") == 3
    again = program.run("enqueue", "--id", application.one("select email_key from mailvault.job"))
    assert "nothing to enqueue" in again.stdout
    application.reconcile()


ENCODED = """
create table m (id serial primary key);
create table p (
    id serial primary key, m_id bigint, words text, how text, lo oid, path text, size varchar(30)
);
create index on p (m_id);
"""

ENCODED_MAPPING = """
[email]
table = "m"
key = "id"

[[part]]
kind = "part"
table = "p"
key = "id"
email = "m_id"
content = "words"
path = "path"
encoding = "how"
size = "size"
filter = "lo is null"

[[part]]
kind = "large"
table = "p"
key = "id"
email = "m_id"
content = "lo"
"""


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_what_is_stored_is_what_the_bytes_stand_for(
    application: Application, bucket: Bucket, program: Program, uploader: str
) -> None:
    prepare(application, program, ENCODED, ENCODED_MAPPING)
    large = bytes(range(256)) * (9 * MIB // 256)
    text = "Straße = 100 %\r\n" * 10
    run = application.connection.execute
    files = {"plain": text.encode(), "zip": gzip.compress(large), "code": base64.b64encode(b"abc")}
    for name, content in files.items():
        (application.files_root / name).write_bytes(content)

    expected = []

    def add(content: bytes, **row: object) -> None:
        expected.append(content)
        names, holes = ", ".join(row), ", ".join(["%s"] * len(row))
        run("insert into m default values; insert into p (m_id) select max(id) from m")
        run(
            f"update p set ({names}) = row({holes}) where id = (select max(id) from p)",
            list(row.values()),
        )

    add(text.encode(), words=text)
    add(b"", words="", how="none")
    add(b"\0\xff\n", words=base64.encodebytes(b"\0\xff\n").decode(), how="base64")
    add(b"", words="", how="base64")
    add(large, words=base64.encodebytes(large).decode(), how="base64")
    add(text.encode(), words=quopri.encodestring(text.encode()).decode(), how="quoted-printable")
    add(files["plain"], path="plain", size="160")
    add(large, path="zip", how="gzip", size="not a number")
    add(b"abc", path="code", how="base64")
    for content in (b"", b"small", large):
        [(oid,)] = run("select lo_from_bytea(0, %s)", [content])
        add(content, lo=oid, size="1")
    move(program, "--uploader", uploader)

    found = stored(application, bucket)
    assert [
        found[email, kind, part] for email, kind, part in sorted(found, key=lambda n: int(n[0]))
    ] == expected
    application.reconcile()


def test_what_is_not_what_it_says_fails_alone(application: Application, program: Program) -> None:
    prepare(application, program, ENCODED, ENCODED_MAPPING)
    (application.files_root / "text").write_text("text")
    bad = {
        ("!!!", "base64", None): "it is not base64",
        ("YWJ", "base64", None): "its end is missing",
        ("YQ==YQ==", "base64", None): "it is not base64",
        ("abc", "rot13", None): "its encoding is 'rot13'",
        (None, "gzip", "text"): "it is not gzip",
        (None, None, "../../etc/passwd"): "leads out of the root",
        (None, None, None): "names no file",
        (None, "gzip", "gone"): "gone",
    }
    for words, how, path in [("fine", None, None), *bad]:
        application.connection.execute("insert into m default values")
        application.connection.execute(
            "insert into p (m_id, words, how, path) select max(id), %s, %s, %s from m",
            [words, how, path],
        )
    application.connection.execute("insert into m default values")
    application.connection.execute("insert into p (m_id, lo) select max(id), 4711 from m")
    move(program, code=1)
    said = failures(application)
    for number, complaint in enumerate([*bad.values(), "large object 4711 does not exist"]):
        assert complaint in said[str(number + 2)][1]
    assert application.processed() == 1
