-- name: describe
-- What there is to store of some emails, without the bytes. The keys are given as an array, not
-- joined: the condition then reaches the tables below the view as one on their indexes, whatever
-- the planner believes of their size.
select
    k.email_key,
    p.kind,
    p.part_key,
    p.size,
    p.in_table,
    p.path,
    p.filename,
    p.content_type
from unnest(%(email_keys)s::text[]) as k (email_key)
inner join mailvault.source_part as p on mailvault.source_key(k.email_key) = p.email_key
where
    p.email_key = any(
        array(select mailvault.source_key(a) from unnest(%(email_keys)s::text[]) as a)
    )
order by k.email_key, p.kind, p.part_key;

-- name: read
-- The bytes of some bodies. Rows are found as above; the bytes of no other row are looked at.
select p.kind, p.part_key, p.content
from mailvault.source_part as p
where
    p.email_key = any(
        array(select mailvault.source_key(k) from unnest(%(email_keys)s::text[]) as k)
    )
    and (p.kind, p.part_key) in (
        select wanted.kind, wanted.part_key
        from unnest(%(kinds)s::text[], %(part_keys)s::text[]) as wanted (kind, part_key)
    );

-- name: read_slice
-- Some bytes of one body, from an offset that starts at 0.
select substr(p.content, %(offset)s + 1, %(length)s)
from mailvault.source_part as p
where
    p.email_key = mailvault.source_key(%(email_key)s)
    and p.kind = %(kind)s
    and p.part_key = %(part_key)s;

-- name: has_files
select exists(
    select 1
    from mailvault.source_part as p
    where not p.in_table
);

-- name: resolve_table
-- The table that a name means on this search path, and how its schema is called.
select n.nspname, c.relname, c.oid
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where c.oid = to_regclass(%(qualified_name)s);

-- name: columns
select a.attname, format_type(a.atttypid, a.atttypmod) as type
from pg_attribute as a
where a.attrelid = %(table)s and a.attnum > 0 and not a.attisdropped
order by a.attnum;

-- name: server_encoding
select current_setting('server_encoding');
