"""The mapping: checked against the catalogue, and other schemas than the example's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.errors import ConfigError
from mailvault.queue.batches import Batches, Selection
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import install_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.application import Application


def body_only(**changes: object) -> Mapping:
    part = {
        "kind": "body",
        "table": "letters",
        "key": "id",
        "email": "id",
        "content": "words",
        "write_back": {"stored_at_key": "object_key"},
    }
    email = {"table": "letters", "key": "id", **changes}
    return Mapping.model_validate({"email": email, "part": [part]})


def test_the_built_in_mapping_is_used_without_a_file(tmp_path: Path) -> None:
    mapping = load_mapping(tmp_path / "mailvault.toml")
    assert [part.kind for part in mapping.part] == ["body", "attachment"]


def test_a_file_with_settings_alone_leaves_the_mapping_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mailvault.toml"
    file.write_text('s3_bucket = "mail"\n')
    assert load_mapping(file) == load_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[email", "mailvault.toml: Expected"),
        ('[email]\ntable = "a"\n', r"email.key: Field required"),
        ('[email]\ntable = "a"\nkey = "b"\ncolour = "c"\n', "email.colour: Extra inputs"),
        (
            '[email]\ntable="a"\nkey="b"\n[[part]]\nkind="k"\ntable="a"\nkey="b"\nemail="b"\n',
            "mailvault.toml:4: part.0: name content or path",
        ),
    ],
)
def test_a_mapping_of_the_wrong_form_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "mailvault.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        load_mapping(file)


def test_a_wrong_column_is_named_with_the_near_miss(application: Application) -> None:
    mapping = load_mapping().model_copy(
        update={"email": load_mapping().email.model_copy(update={"received": "recieved_at"})}
    )
    with pytest.raises(ConfigError, match="no column 'recieved_at'") as caught:
        install_source(application.connection, mapping)
    assert caught.value.hint == "did you mean 'received_at'?"


def test_a_table_that_is_not_there_is_named(application: Application) -> None:
    with pytest.raises(ConfigError, match="email, table: there is no table 'letters'"):
        install_source(application.connection, body_only())


def test_content_of_another_type_is_refused(application: Application) -> None:
    application.connection.execute(
        "create table letters (id int primary key, words json, stored_at_key text)"
    )
    with pytest.raises(ConfigError, match="is json, which is neither text nor bytea"):
        install_source(application.connection, body_only())


@pytest.mark.parametrize(
    ("key_type", "keys"),
    [
        ("integer", ["-3", "10", "9"]),
        ("bigint", ["3000000000", "4", "10"]),
        ("uuid", ["0b0e0b0e-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"]),
        ("text", ["b c", "Ä'%\"", "a"]),
    ],
)
def test_keys_of_other_types_are_dispatched_in_chunks(
    application: Application, key_type: str, keys: list[str]
) -> None:
    application.connection.execute(
        f'create schema "Odd One"; create table "Odd One"."the letters" '
        f'("the key" {key_type} primary key, words bytea, stored_at_key varchar(20))'
    )
    for key in keys:
        application.connection.execute(
            f'insert into "Odd One"."the letters" values (%s::{key_type}, %s)', [key, b"\0\xff"]
        )
    table = "Odd One.the letters"
    part = {"kind": "body", "table": table, "key": "the key", "email": "the key"}
    part |= {"content": "words"}
    mapping = Mapping.model_validate(
        {
            "email": {"table": table, "key": "the key"},
            "part": [{**part, "write_back": {"stored_at_key": "object_key"}}],
        }
    )
    install_source(application.connection, mapping)
    batches = Batches(application.connection)
    batch = batches.open(Selection())
    assert batch is not None
    list(batches.dispatch(batch, 1))
    found = application.all("select email_key from mailvault.job order by id")
    assert sorted(key for (key,) in found) == sorted(keys)
    in_order = application.all(
        'select t."the key"::text from "Odd One"."the letters" as t order by t."the key"'
    )
    assert found == in_order
    mark = "select mailvault.source_mark_parts(%s, %s, %s)"
    application.connection.execute(mark, [["body"], [keys[0]], ["emails/a.html"]])
    marked = application.all(
        'select "the key"::text, stored_at_key from "Odd One"."the letters" '
        "where stored_at_key is not null"
    )
    assert marked == [(keys[0], "emails/a.html")]
    with pytest.raises(psycopg.DataError, match="too long"):
        application.connection.execute(mark, [["body"], [keys[0]], ["x" * 21]])


def test_an_error_that_is_too_long_for_its_column_is_cut(application: Application) -> None:
    application.connection.execute("alter table emails alter migration_error type varchar(10)")
    install_source(application.connection, load_mapping())
    email = application.add_email()
    application.connection.execute(
        "select mailvault.source_mark_emails(%s, false, %s, %s)", [[str(email)], [1], ["x" * 11]]
    )
    assert application.one("select migration_error from emails") == "x" * 10


def test_init_can_be_repeated_with_another_mapping(application: Application) -> None:
    application.connection.execute(
        "create table letters (id uuid primary key, words text, stored_at_key text)"
    )
    install_source(application.connection, body_only())
    install_source(application.connection, load_mapping())
    install_source(application.connection, body_only())
    with pytest.raises(psycopg.DataError):
        application.connection.execute("select mailvault.source_key('1')")


def test_rows_of_a_view_that_have_no_key_are_left_alone(application: Application) -> None:
    application.connection.execute("""
        create table drafts (id int, words text, stored_at_key text);
        insert into drafts values (1, 'a'), (null, 'b');
        create view letters as select * from drafts;
    """)
    install_source(application.connection, body_only())
    selected = "select key from mailvault.source_email where selected"
    assert application.all(selected) == [(1,)]
    assert application.all("select part_key from mailvault.source_part") == [("1",)]


@pytest.mark.parametrize("kind", ["varchar(3)", "char(3)", "short"])
def test_a_key_that_is_too_long_is_no_other_key(application: Application, kind: str) -> None:
    application.connection.execute(
        "create domain short as varchar(3); "
        f"create table letters (id {kind} primary key, words text, stored_at_key text); "
        "insert into letters values ('abc', 'a')"
    )
    install_source(application.connection, body_only())
    known = "select key from mailvault.known_keys(array['abc', 'abcd'])"
    assert application.all(known) == [("abc",)]
    parts = "select email, content from mailvault.parts_of(array['abc', 'abcd'])"
    assert application.all(parts) == [("abc", b"a")]
    application.connection.execute(
        "select mailvault.source_mark_parts(array['body'], array['abcd'], array['key'])"
    )
    assert application.one("select stored_at_key from letters") is None


@pytest.mark.parametrize("kind", ["numeric", "oid", "amount", "char(9)", "varchar", "smallint"])
def test_keys_that_are_the_same_text_in_each_session_will_do(
    application: Application, kind: str
) -> None:
    application.connection.execute(
        "create domain amount as bigint; "
        f"create table letters (id {kind} primary key, words text, stored_at_key text); "
        "insert into letters values ('7', 'a'), ('8', 'b')"
    )
    install_source(application.connection, body_only())
    assert application.all("select key from mailvault.next_keys(null, null, null, '7', 9)") == [
        ("8",)
    ]
    assert application.all("select email from mailvault.parts_of(array['8'])") == [("8",)]


def test_a_type_of_a_schema_that_must_be_quoted_is_named(application: Application) -> None:
    application.connection.execute("""
        create schema "Post Office";
        create type "Post Office"."Kind" as enum ('a', 'b');
        create table letters (
            id "Post Office"."Kind" primary key, words text, stored_at_key text
        );
        insert into letters values ('b', 'words');
    """)
    install_source(application.connection, body_only())
    assert application.all("select key from mailvault.known_keys(array['b'])") == [("b",)]
