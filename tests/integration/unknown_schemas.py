"""Schemas that nobody has described: each makes tables with mail, and no application's."""

from __future__ import annotations

from typing import NamedTuple


class Schema(NamedTuple):
    """Tables as SQL, and what detection must make of them.

    Attributes:
        lines: How lines of the proposal begin, with one space where there are more.
        files: What is on disk.
        stored: All that must be in the bucket in the end.
    """

    tables: str
    rows: str
    lines: tuple[str, ...]
    files: dict[str, bytes]
    stored: set[bytes]


QUOTED = Schema(
    tables="""
        create schema "Post Office";
        create table "Post Office"."Mail Items" (
            "Item Id" uuid primary key, "subjectLine" varchar(200), "fromAddress" text,
            "rawMime" bytea, "createdAt" timestamptz, "receivedAt" timestamptz, "isSpam" boolean
        );
        create table "Post Office"."Mail Files" (
            "File No" bigint primary key, "Item Ref" uuid, "fileName" text, "mimeType" text,
            "byteSize" bigint, "diskPath" text, "s3_key" text
        );
        create table "Post Office".mail_templates (
            id int primary key, subject text, body_html text, from_address text, created_at date
        );
        create table "Post Office"."odd %s ""'" (id int primary key, "bo\ndy" text, subject text);
    """,
    rows="""
        insert into "Post Office"."Mail Items"
        select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'No. ' || n,
            'a@example.org', convert_to('Subject: ' || n || e'\\r\\n\\r\\nHello', 'utf8'), now(),
            now(), false
        from generate_series(1, 20) as n;
        insert into "Post Office"."Mail Files"
        select n, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '.pdf',
            'application/pdf', 10, 'of/' || n || '.pdf'
        from generate_series(1, 10) as n;
    """,
    lines=(
        'table = "Post Office.Mail Items" # likely',
        'key = "Item Id" # certain: the primary key',
        'received = "receivedAt" # likely',
        'content = "rawMime" # likely: named like one, 20 of 20 sampled are HTML or raw mail',
        'table = "Post Office.Mail Files"',
        'email = "Item Ref" # likely: named like one, 10 of 10 sampled values are keys',
        'path = "diskPath" # likely: 10 of 10 sampled look like paths',
        'filename = "fileName" # likely',
        'content_type = "mimeType" # likely',
        'size = "byteSize" # likely',
        """# filter = 'not "isSpam"' # fill in""",
    ),
    files={f"of/{n}.pdf": b"file %d" % n for n in range(1, 11)},
    stored={b"Subject: %d\r\n\r\nHello" % n for n in range(1, 21)}
    | {b"file %d" % n for n in range(1, 11)},
)

COMPOSITE = Schema(
    tables="""
        create table message (
            tenant_id integer, id bigint, subject text, sender text, body_text text,
            body_html text, date timestamp, primary key (tenant_id, id)
        );
        create table message_part (
            tenant_id integer, message_id bigint, position smallint, name text,
            content_type text, body text, primary key (tenant_id, message_id, position)
        );
    """,
    rows="""
        insert into message select n % 3, n, 'n', 'a@example.org',
            repeat('plain words ', 10), '<p>' || n, now() from generate_series(1, 30) as n;
        insert into message_part select n % 3, n, 1, n || '.bin', 'application/octet-stream',
            encode(convert_to('contents of number ' || n, 'utf8'), 'base64')
        from generate_series(1, 30) as n;
    """,
    lines=(
        'key = ["tenant_id", "id"] # certain',
        'kind = "body_html"',
        'kind = "body_text"',
        'key = ["tenant_id", "message_id", "position"] # certain',
        'email = ["tenant_id", "message_id"] # likely: named like one, 30 of 30',
        'content = "body"',
        'encoding = "base64" # likely: 30 of 30 sampled values look like it',
        'filename = "name"',
    ),
    files={},
    stored={b"<p>%d" % n for n in range(1, 31)}
    | {b"contents of number %d" % n for n in range(1, 31)}
    | {b"plain words " * 10},
)

LINKED = Schema(
    tables="""
        create table letters (letter_key text primary key, subject text, html text);
        create table blobs (id serial primary key, sha256 text, data bytea, size integer);
        create table letter_blobs (letter_key text, blob_id integer, filename text);
    """,
    rows="""
        insert into letters select 'L' || n, 's', '<p>' || n from generate_series(1, 9) as n;
        insert into blobs (data, size) select convert_to('blob ' || n, 'utf8'), 6
        from generate_series(1, 3) as n;
        insert into letter_blobs select 'L' || n, n % 3 + 1, 'x' from generate_series(1, 9) as n;
    """,
    lines=(
        'key = "letter_key"',
        'email = "link.letter_key" # likely: named like one, 9 of 9',
        "shared = true # certain",
        'content = "data" # likely',
        'table = "letter_blobs"',
        """on = '"link"."blob_id" = "blobs"."id"' # likely: named like one, 9 of 9""",
        'filename = "link.filename"',
    ),
    files={},
    stored={b"<p>%d" % n for n in range(1, 10)} | {b"blob %d" % n for n in range(1, 4)},
)

OWNED = Schema(
    tables="""
        create table mail (id bigserial primary key, subject text, content text);
        create table media (
            id uuid primary key, model_type text, model_id bigint, filename text, data bytea
        );
    """,
    rows="""
        insert into mail (subject, content) select 's', 'words' from generate_series(1, 5);
        insert into media select gen_random_uuid(), 'App\\Models\\Mail', n, n || '.png', 'x'
        from generate_series(1, 5) as n;
        insert into media select gen_random_uuid(), 'App\\Models\\Contact', n + 100, 'y.png', 'y'
        from generate_series(1, 5) as n;
    """,
    lines=(
        'email = "model_id" # likely: 5 of 5 sampled values of this model_type are keys of mail',
        'filter = "\\"media\\".\\"model_type\\" = ',
    ),
    files={},
    stored={b"words", b"x"},
)

APART = Schema(
    tables="""
        create table emails (
            id integer primary key, subject text, from_addr text, deleted_at timestamp
        );
        create table email_bodies (email_id integer primary key references emails, html text);
        create table files (
            id integer primary key, email_id integer references emails (id), path text, title text
        );
    """,
    rows="""
        insert into emails select n, 's', 'a@example.org' from generate_series(1, 5) as n;
        insert into email_bodies select n, '<p>' || n from generate_series(1, 5) as n;
        insert into files select n, n, '/srv/mail/' || n % 2 || '/' || n || '.doc'
        from generate_series(1, 5) as n;
    """,
    lines=(
        'table = "email_bodies"',
        'email = "email_id" # certain: a foreign key',
        'content = "html"',
        'path = { sql = "case when starts_with(\\"files\\".\\"path\\", \'/srv/mail/\') then ',
    ),
    files={f"{n % 2}/{n}.doc": b"file %d" % n for n in range(1, 6)},
    stored={b"<p>%d" % n for n in range(1, 6)} | {b"file %d" % n for n in range(1, 6)},
)  # fmt: skip

SCHEMAS = {
    "quoted": QUOTED, "composite": COMPOSITE, "linked": LINKED, "owned": OWNED, "apart": APART,
}  # fmt: skip
