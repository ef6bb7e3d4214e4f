-- name: guard
-- Detection only looks, never for long, and waits for nobody.
select
    set_config('transaction_read_only', 'on', true) as read_only,
    set_config('statement_timeout', '5s', true) as statement_timeout,
    set_config('lock_timeout', '1s', true) as lock_timeout;

-- name: tables
-- The tables of applications. A schema with a dot in its name could not be named in a mapping.
select
    c.oid,
    n.nspname as schema_name,
    c.relname as name,
    pg_table_is_visible(c.oid) as is_visible,
    greatest(c.reltuples, 0)::bigint as rows_estimated,
    greatest(
        c.relpages,
        (
            select sum(greatest(leaf.relpages, 0))
            from pg_partition_tree(c.oid) as p
            inner join pg_class as leaf on p.relid = leaf.oid
        ),
        1
    )::bigint as pages
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where
    c.relkind in ('r', 'p')
    and not c.relispartition
    and c.relpersistence <> 't'
    and n.nspname not in ('information_schema', 'mailvault')
    and n.nspname !~ '^pg_|[.]'
    and has_schema_privilege(n.oid, 'usage')
order by n.nspname, c.relname;

-- name: columns
-- Those that this role may read. The base type of a domain is what its values are.
select
    a.attrelid as table_oid,
    a.attname as name,
    format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null) as type,
    case
        when a.atttypid in ('varchar'::regtype, 'bpchar'::regtype) and a.atttypmod > 4
            then a.atttypmod - 4
    end as max_length,
    a.attnotnull
    and (
        t.typtype = 'e'
        or coalesce(nullif(t.typbasetype, 0), t.oid) = any(
            '{int2, int4, int8, numeric, oid, uuid, text, varchar, bpchar}'::regtype[]
        )
    ) as may_be_key
from pg_attribute as a
inner join pg_type as t on a.atttypid = t.oid
where
    a.attrelid = any(%(tables)s::oid[])
    and a.attnum > 0
    and not a.attisdropped
    and has_column_privilege(a.attrelid, a.attnum, 'select')
order by a.attrelid, a.attnum;

-- name: unique_keys
-- In the order in which they are to be preferred: the primary key, then short ones.
select
    i.indrelid as table_oid,
    i.indisprimary as is_primary,
    array_agg(a.attname::text order by k.place) as columns
from pg_index as i
cross join unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
inner join pg_attribute as a on i.indrelid = a.attrelid and k.attnum = a.attnum
where
    i.indrelid = any(%(tables)s::oid[])
    and i.indisunique
    and i.indisvalid
    and i.indpred is null
    and k.place <= i.indnkeyatts
group by i.indexrelid, i.indrelid, i.indisprimary, i.indnkeyatts
having count(*) = i.indnkeyatts
order by i.indrelid, not i.indisprimary, i.indnkeyatts, columns;

-- name: foreign_keys
select
    c.conrelid as table_oid,
    c.confrelid as target_oid,
    array_agg(a.attname::text order by k.place) as columns,
    array_agg(b.attname::text order by k.place) as target_columns
from pg_constraint as c
cross join unnest(c.conkey, c.confkey) with ordinality as k (attnum, target_attnum, place)
inner join pg_attribute as a on c.conrelid = a.attrelid and k.attnum = a.attnum
inner join pg_attribute as b on c.confrelid = b.attrelid and k.target_attnum = b.attnum
where c.contype = 'f' and c.conrelid = any(%(tables)s::oid[])
group by c.oid, c.conrelid, c.confrelid
order by c.conrelid, c.oid;
