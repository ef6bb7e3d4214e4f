-- name: tables_ready
-- Whether the quick start's tables are there.
select to_regclass('emails') is not null and to_regclass('files') is not null;

-- name: reserve_email_ids
-- Take the next ids for emails, so that their files can be named before their rows exist. The
-- sequence's name is looked up once, not for each id.
select nextval((select pg_get_serial_sequence('emails', 'id')))
from generate_series(1, %(count)s);

-- name: reserve_file_ids
-- Take the next ids for files.
select nextval((select pg_get_serial_sequence('files', 'id')))
from generate_series(1, %(count)s);
