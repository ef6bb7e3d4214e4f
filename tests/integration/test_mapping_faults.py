"""A mapping that leads nowhere is refused, with the line and the near miss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.errors import ConfigError
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.road import KEY_TYPES
from mailvault.source.mapping.views import install_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.application import Application

TABLES = """
create table mails (id integer primary key, tenant integer, created_at timestamptz, "100%" text);
create table blobs (id integer primary key, sha text, data bytea, at timestamptz);
create table links (mail_id integer, blob_id integer, amount numeric);
create table "a$$b" (id integer primary key, "x$$y" text);
create view seen as select * from blobs;
alter table mails add nil integer unique, add of_day date unique;
create domain moment as time;
alter table blobs add nil integer unique, add moment moment unique;
"""

GOOD = """
[email]
table = "mails"
key = "id"
received = "created_at"

[[part]]
kind = "blob"
table = "blobs"
key = "id"
email = "l.mail_id"
content = "data"

[[part.join]]
table = "links"
as = "l"
on = "l.blob_id = blobs.id"
"""

FAULTS = [
    ('key = "id"\nrec', 'key = "tenant"\nrec', 4, "key: no unique index is on mails (tenant)"),
    ('key = "id"\nrec', 'key = "nil"\nrec', 4, "key: nil of mails can be NULL"),
    ('key = "id"\nema', 'key = "nil"\nema', 10, "key: nil of blobs can be NULL"),
    ('key = "id"\nema', 'key = ["id", "nil"]\nema', 10, "key: nil of blobs can be NULL"),
    ('key = "id"\nrec', 'key = "of_day"\nrec', 4, "key: of_day is date, which cannot"),
    ('key = "id"\nema', 'key = ["id", "moment"]\nema', 10, "moment is public.moment, which"),
    ('key = "id"\nema', 'key = "l.blob_id"\nema', 10, "table 'blobs' has no column 'l.blob_id'"),
    ('"mails"', '"mail"', 3, "email, table: there is no table 'mail'"),
    ('"created_at"', '"creatd_at"', 5, "table 'mails' has no column 'creatd_at'"),
    ('"created_at"', '{ sql = "created_at at tme zone \'UTC\'" }', 5, "syntax error at or near"),
    ('"created_at"\n', '"created_at"\nfilter = "id"\n', 6, "filter: this is integer, and not"),
    ('"created_at"\n', '"created_at"\nfilter = "idd > 1"\n', 6, 'column "idd" does not exist'),
    ('"created_at"\n', '"created_at"\neligible = "id > 1 --"\nfilter="x"\n', 7, "filter: Postgre"),
    ('"l.mail_id"', '"i.mail_id"', 11, "email: no table is called 'i' here"),
    ('"l.mail_id"', '"l.mailid"', 11, "table 'l' has no column 'mailid'"),
    ('"l.mail_id"', '["l.mail_id", "l.blob_id"]', 11, "key of the email has 1 columns, and not 2"),
    ('"l.mail_id"', '"at"', 11, "operator does not exist: integer = timestamp"),
    ('"data"', '"l.amount"', 12, "is numeric, which is neither text nor bytea"),
    ('"data"', '"data"\nencoding = "base46"', 13, "has no column 'base46'"),
    ('"data"', '"data"\nobject_key = "{sha"', 13, "write a column as {name}"),
    ('"data"', '"data"\nobject_key = "{sha[4:2]}"', 13, "a slice ends after its start"),
    ('"data"', '"data"\nobject_key = "{sah}"', 13, "table 'blobs' has no column 'sah'"),
    ('"data"', '"data"\npurge = { set = { dta = "null" } }', 13, "has no column 'dta'"),
    ('"data"', '"data"\npurge = { delete = "b" }', 13, "no table is called 'b' here"),
    ('"data"', '"data"\nwrite_back = { at = { constant = "$$" } }', 7, "has $$ in it"),
    ('as = "l"', 'as = "blobs"', 15, "a second table is called 'blobs' here"),
    ("on = ", 'on = "true and '.rstrip('"') + '" #', 17, "join 1, on: PostgreSQL: syntax error"),
    ("= blobs.id", "= blob.id", 17, 'missing FROM-clause entry for table "blob"'),
]  # fmt: skip


def test_the_line_and_what_is_wrong_there_are_named(
    application: Application, tmp_path: Path
) -> None:
    application.connection.execute(TABLES)
    file = tmp_path / "mailvault.toml"
    for old, new, line, complaint in FAULTS:
        assert GOOD.count(old) == 1
        file.write_text(GOOD.replace(old, new))
        with pytest.raises(ConfigError) as caught:
            install_source(application.connection, load_mapping(file))
        assert f"mailvault.toml:{line}: " in str(caught.value), new
        assert complaint in str(caught.value), new
        # What was there before is still there.
        assert application.one("select count(*) from mailvault.source_email") == 0


def test_a_comment_ends_with_its_fragment_and_a_view_will_do(
    application: Application, tmp_path: Path
) -> None:
    application.connection.execute(TABLES)
    file = tmp_path / "mailvault.toml"
    for old, new in [("= blobs.id", "= blobs.id --"), ('"blobs"', '"seen"\nas = "blobs"')]:
        file.write_text(GOOD.replace(old, new, 1))
        install_source(application.connection, load_mapping(file))


def test_near_misses_are_shown(application: Application, tmp_path: Path) -> None:
    application.connection.execute(TABLES)
    file = tmp_path / "mailvault.toml"
    for old, new, hint in [
        ("l.mail_id", "l.mailid", "did you mean 'mail_id'?"),
        ("l.mail_id", "links.mail_id", "there is blobs, l"),
        (
            'key = "id"\nrec',
            'key = "nil"\nrec',
            "alter table mails alter column nil set not null;",
        ),
        ('key = "id"\nrec', 'key = "of_day"\nrec', KEY_TYPES),
        ("l.blob_id =", "l.blobid =", 'Perhaps you meant to reference the column "l.blob_id".'),
    ]:
        file.write_text(GOOD.replace(old, new, 1))
        with pytest.raises(ConfigError) as caught:
            install_source(application.connection, load_mapping(file))
        assert caught.value.hint == hint
