-- name: describe
-- What there is to store of some emails, without the bytes. An email that has one row by two ways
-- has it once.
select distinct on (p.email, p.kind, p.part_key)
    p.email,
    p.kind,
    p.part_key,
    p.size,
    p.in_table,
    p.path,
    p.filename,
    p.content_type,
    p.encoding,
    p.object_key,
    p.is_shared
from mailvault.parts_of(%(email_keys)s::text[]) as p
order by p.email, p.kind, p.part_key;

-- name: read
-- The bytes of some bodies; those of no other row are looked at.
select p.kind, p.part_key, p.content
from mailvault.parts_of(%(email_keys)s::text[]) as p
where
    (p.kind, p.part_key) in (
        select wanted.kind, wanted.part_key
        from unnest(%(kinds)s::text[], %(part_keys)s::text[]) as wanted (kind, part_key)
    );

-- name: read_slices
-- The bytes of one body in order, a slice in each row. All is one statement, and the body one value
-- of the inner query, so that what is compressed or converted is unpacked once and not for each
-- slice; "limit" keeps the planner from computing it further out.
select
    case
        when one.large_object is not null
            then lo_get(one.large_object, s.start, %(length)s::integer)
        else substr(one.content, s.start::integer + 1, %(length)s::integer)
    end as bytes
from (
    select
        p.content,
        p.large_object,
        -- To its end (SEEK_END, 2), opened to be read (INV_READ, 262144).
        case
            when p.large_object is not null
                then lo_lseek64(lo_open(p.large_object, 262144), 0, 2)
            else octet_length(p.content)
        end as size
    from mailvault.parts_of(array[%(email_key)s::text]) as p
    where p.kind = %(kind)s and p.part_key = %(part_key)s
    limit 1
) as one
-- An empty body is a slice, too; one that is gone is none.
cross join lateral generate_series(0, greatest(one.size - 1, 0), %(length)s::bigint) as s (start)
where one.size is not null;

-- name: shared
-- Of some parts that emails share, the objects of those that are stored already. One that has
-- changed since is read.
select
    s.kind,
    s.part_key,
    o.content_type,
    o.key,
    o.size,
    o.sha256,
    o.etag,
    false as created,
    o.checksum,
    o.version_id,
    o.content_encoding,
    o.original_size,
    o.original_sha256
from unnest(%(kinds)s::text[], %(part_keys)s::text[]) as wanted (kind, part_key)
inner join mailvault.shared_part as s
    on wanted.kind = s.kind and wanted.part_key = s.part_key
inner join mailvault.object as o on s.object_key = o.key
where
    not exists (
        select
        from mailvault.change as c
        where c.kind = s.kind and c.part_key = s.part_key
    );

-- name: sample_emails
select mailvault.source_text(e.key) as email, e.received_at, e.selected
from mailvault.source_email as e
limit %(limit)s;

-- name: sample_parts
-- Of the first emails that are to be moved.
select
    p.email,
    p.kind,
    p.part_key as part,
    p.size,
    case when p.in_table then 'in the table' else p.path end as bytes,
    p.filename,
    p.content_type,
    p.encoding,
    p.object_key
from
    mailvault.parts_of(
        array(
            select mailvault.source_text(e.key)
            from mailvault.source_email as e
            where e.selected
            limit %(limit)s
        )
    ) as p
limit %(limit)s;

-- name: lock_briefly
-- The application's next statements wait for whoever waits for a lock on its table.
set local lock_timeout = '2s';

-- name: position
-- Where the primary is in writing; NULL on a server that is no primary.
select
    case when not pg_is_in_recovery() then pg_current_wal_insert_lsn()::text end as position;

-- name: has_replayed
-- Whether this server shows all that was written up to a position; a primary always does.
select
    not pg_is_in_recovery()
    or coalesce(pg_last_wal_replay_lsn() >= %(position)s::text::pg_lsn, false) as has_replayed;

-- name: has_files
select exists(
    select 1
    from mailvault.source_part as p
    where not p.in_table
);

-- name: resolve_table
-- The table that a name means on this search path, how its schema is called, and whether it may
-- have indexes.
select n.nspname, c.relname, c.oid, c.relkind in ('r', 'p', 'm') as is_table
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where c.oid = to_regclass(%(qualified_name)s);

-- name: columns
-- Types are named so that they mean the same on every search path. The type that a column has as a
-- key is without its length, which a cast would cut a key to; others can be no key: their text
-- depends on the settings of a session, or is not the only one of a value; or, as of a domain over
-- an enum, PostgreSQL cannot compare them.
with recursive base as (
    select
        a.attnum,
        a.atttypid as type,
        a.attnotnull as is_not_null
    from pg_attribute as a
    where a.attrelid = %(table)s and a.attnum > 0 and not a.attisdropped
    union all
    select
        b.attnum,
        d.typbasetype,
        b.is_not_null or d.typnotnull as is_not_null
    from base as b
    inner join pg_type as d on b.type = d.oid
    where d.typtype = 'd'
)

select
    a.attname,
    case
        when n.nspname = 'pg_catalog' then format_type(t.oid, a.atttypmod)
        else format('%%I.%%I', n.nspname, t.typname)
    end as type,
    case
        when
            (k.typtype = 'e' and k.oid = t.oid)
            or k.oid = any(
                '{int2, int4, int8, numeric, oid, uuid, text, varchar, bpchar}'::regtype[]
            )
            then format('%%I.%%I', kn.nspname, k.typname)
    end as key_type,
    not b.is_not_null as is_nullable
from pg_attribute as a
inner join pg_type as t on a.atttypid = t.oid
inner join pg_namespace as n on t.typnamespace = n.oid
inner join base as b on a.attnum = b.attnum
inner join pg_type as k on b.type = k.oid and k.typtype <> 'd'
inner join pg_namespace as kn on k.typnamespace = kn.oid
where a.attrelid = %(table)s
order by a.attnum;

-- name: unique_keys
-- The sets of columns of which an index says that no two rows have the same.
select
    array(
        select a.attname::text
        from pg_attribute as a
        where a.attrelid = i.indrelid and a.attnum = any(i.indkey[0:i.indnkeyatts - 1])
    ) as columns
from pg_index as i
where
    i.indrelid = %(table)s
    and i.indisunique
    and i.indisvalid
    and i.indpred is null
    and not 0 = any(i.indkey[0:i.indnkeyatts - 1]);

-- name: columns_that_matter
-- The columns of a table that the views of the source depend on, through whatever expression.
select coalesce(array_agg(distinct a.attname::text), '{}') as names
from pg_depend as d
inner join pg_rewrite as r on d.objid = r.oid
inner join pg_class as v on r.ev_class = v.oid
inner join pg_class as c on d.refobjid = c.oid
inner join pg_attribute as a on c.oid = a.attrelid and d.refobjsubid = a.attnum
where
    d.classid = 'pg_rewrite'::regclass
    and d.refclassid = 'pg_class'::regclass
    and v.relnamespace = 'mailvault'::regnamespace
    and v.relname in ('source_email', 'source_part')
    and c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
    and c.relname = %(relation)s;

-- name: search_path
-- As it is now, but what is temporary comes last; it comes first where it is not named.
select s.name
from unnest(current_schemas(false) || 'pg_temp'::name) with ordinality as s (name, place)
where s.name !~ '^pg_temp_'
order by s.place;

-- name: is_live
select exists(
    select 1
    from pg_trigger as t
    where t.tgname like 'mailvault\_live\_%%'
);

-- name: type_name
select format_type(%(type)s::oid, null);

-- name: server_encoding
select current_setting('server_encoding');
