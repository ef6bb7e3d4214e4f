-- name: guard
-- The doctor only looks, and waits for nobody.
select
    set_config('transaction_read_only', 'on', true) as read_only,
    set_config('statement_timeout', '5s', true) as statement_timeout,
    set_config('lock_timeout', '1s', true) as lock_timeout;

-- name: server
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::integer / 10000 as major,
    quote_ident(current_user) as role,
    pg_backend_pid() as pid,
    pg_is_in_recovery() as in_recovery,
    pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_sessions,
    quote_ident(current_database()) as database;

-- name: now
select clock_timestamp() as now;

-- name: settings
-- As a session of this role starts with them, in PostgreSQL's own units.
select s.name, s.reset_val as value
from pg_settings as s;

-- name: transactions
-- Sessions with an old transaction. Those of other databases keep nothing from vacuum in this one.
select
    a.pid,
    a.usename as role,
    a.application_name as application,
    a.state,
    extract(epoch from clock_timestamp() - a.xact_start)::float as seconds,
    a.backend_xid is not null or a.backend_xmin is not null as keeps_rows
from pg_stat_activity as a
where
    a.datname = current_database()
    and a.pid <> pg_backend_pid()
    and a.backend_type = 'client backend'
    and a.xact_start < clock_timestamp() - %(older)s::interval
order by a.xact_start
limit %(limit)s;

-- name: prepared_transactions
select
    quote_literal(p.gid) as gid,
    p.owner as role,
    extract(epoch from clock_timestamp() - p.prepared)::float as seconds
from pg_prepared_xacts as p
where
    p.database = current_database()
    and p.prepared < clock_timestamp() - %(older)s::interval
order by p.prepared
limit %(limit)s;

-- name: slots
select
    s.slot_name as name,
    s.active,
    s.wal_status,
    age(s.xmin) as rows_kept_for,
    pg_wal_lsn_diff(
        case
            when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn()
        end,
        s.restart_lsn
    )::bigint as wal_kept
from pg_replication_slots as s
where not s.temporary
order by s.slot_name;

-- name: standbys
-- Standbys that keep rows from vacuum by hot_standby_feedback, without a slot.
select
    r.application_name as name,
    r.client_addr::text as address,
    age(r.backend_xmin) as transactions
from pg_stat_replication as r
where age(r.backend_xmin) > %(transactions)s
order by age(r.backend_xmin) desc
limit %(limit)s;

-- name: tables
-- mailvault's tables and the source's, with partitions; sizes and ages count TOAST in. All of it
-- is known without looking into the tables.
with source as (
    select format('%%I.%%I', w.schema_name, w.table_name)::regclass::oid as oid
    from unnest(%(schemas)s::text[], %(tables)s::text[]) as w (schema_name, table_name)
),

chosen as (
    select c.oid
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    where n.nspname = 'mailvault'
    union
    select source.oid from source
    union
    select i.inhrelid
    from pg_inherits as i
    where i.inhparent in (select source.oid from source)
)

select
    c.oid::regclass::text as name,
    n.nspname = 'mailvault' as is_ours,
    pg_stat_get_dead_tuples(c.oid) as dead_rows,
    extract(
        epoch from clock_timestamp()
        - greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid))
    )::float as vacuumed_seconds_ago,
    coalesce(
        (
            select r.option_value
            from pg_options_to_table(c.reloptions) as r
            where r.option_name = 'autovacuum_vacuum_threshold'
        ),
        current_setting('autovacuum_vacuum_threshold')
    )::float
    + coalesce(
        (
            select r.option_value
            from pg_options_to_table(c.reloptions) as r
            where r.option_name = 'autovacuum_vacuum_scale_factor'
        ),
        current_setting('autovacuum_vacuum_scale_factor')
    )::float * greatest(c.reltuples, 0) as vacuumed_above,
    coalesce(
        (
            select r.option_value
            from pg_options_to_table(c.reloptions) as r
            where r.option_name = 'autovacuum_enabled'
        ),
        'true'
    )::boolean as has_autovacuum,
    greatest(age(c.relfrozenxid), age(t.relfrozenxid)) as transactions,
    greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid)) as multixacts
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
left join pg_class as t on c.reltoastrelid = t.oid
where c.relkind = 'r' and c.oid in (select chosen.oid from chosen)
order by is_ours desc, name asc;

-- name: large_tables
-- How many tables of this database, TOAST counted by itself, are large: a worker of autovacuum is
-- long at each of them.
select count(*) as large
from pg_class as c
where
    c.relkind in ('r', 'm', 't')
    and c.relpages > %(bytes)s / current_setting('block_size')::bigint;

-- name: oldest_database
-- The database with the oldest row; when one is too old, none of them takes writes.
select d.datname as name, age(d.datfrozenxid) as transactions
from pg_database as d
order by age(d.datfrozenxid) desc
limit 1;

-- name: connections
-- What limits how many connections there can be, and how many there are.
with sessions as (
    select
        a.usename = current_user as is_of_role,
        a.datname = current_database() as is_of_database
    from pg_stat_activity as a
    where a.datid is not null and a.usesysid is not null
),

counted as (
    select
        count(*) as sessions,
        count(*) filter (where s.is_of_role) as of_role,
        count(*) filter (where s.is_of_database) as of_database
    from sessions as s
)

select
    'max_connections' as name,
    current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true)::integer, 0) as allowed,
    c.sessions as used
from counted as c
union all
select
    'connection limit of role ' || quote_ident(r.rolname) as name,
    r.rolconnlimit as allowed,
    c.of_role as used
from pg_roles as r
cross join counted as c
where r.rolname = current_user and r.rolconnlimit >= 0
union all
select
    'connection limit of database ' || quote_ident(d.datname) as name,
    d.datconnlimit as allowed,
    c.of_database as used
from pg_database as d
cross join counted as c
where d.datname = current_database() and d.datconnlimit >= 0;

-- name: missing_grants
-- What this role may not do with mailvault's schema.
with wanted as (
    select
        'schema mailvault' as name,
        'usage' as privilege,
        has_schema_privilege(n.oid, 'usage') as held
    from pg_namespace as n
    where n.nspname = 'mailvault'
    union all
    select
        c.oid::regclass::text as name,
        p.privilege,
        has_table_privilege(c.oid, p.privilege) as held
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    cross join unnest(array['select', 'insert', 'update', 'delete']) as p (privilege)
    where
        n.nspname = 'mailvault'
        and (
            (c.relkind = 'r' and c.relname <> 'schema_version')
            or (c.relkind in ('r', 'v') and p.privilege = 'select')
        )
    union all
    select
        f.oid::regproc::text as name,
        'execute' as privilege,
        has_function_privilege(f.oid, 'execute') as held
    from pg_proc as f
    inner join pg_namespace as n on f.pronamespace = n.oid
    where n.nspname = 'mailvault'
)

select w.name, string_agg(distinct w.privilege, ', ' order by w.privilege) as privileges
from wanted as w
where not w.held
group by w.name
order by w.name;

-- name: columns
-- Some columns of the source: whether an index finds their values and whether one keeps them
-- unique, and whether whoever puts them to this use may. Mail is read with the rights of the views'
-- owner, and its rows are marked with those of this role.
with wanted as (
    select
        w.number,
        format('%%I.%%I', w.schema_name, w.table_name)::regclass::oid as table_oid,
        w.column_name
    from
        unnest(%(schemas)s::text[], %(tables)s::text[], %(columns)s::text[])
        with ordinality as w (schema_name, table_name, column_name, number)
),

-- Indexes that serve for all rows, by their first column.
leads as (
    select
        i.indrelid as table_oid,
        i.indkey[0] as attnum,
        i.indcollation[0] as collation_oid,
        i.indisunique and i.indnkeyatts = 1 as is_unique
    from pg_index as i
    inner join pg_class as c on i.indexrelid = c.oid
    inner join pg_am as a on c.relam = a.oid
    where
        i.indrelid in (select wanted.table_oid from wanted)
        and i.indisvalid
        and i.indpred is null
        and a.amname in ('btree', 'hash')
),

viewer as (
    select coalesce(v.relowner, r.oid) as oid
    from pg_roles as r
    left join pg_namespace as m on m.nspname = 'mailvault'
    left join pg_class as v on m.oid = v.relnamespace and v.relname = 'source_part'
    where r.rolname = current_user
)

select
    c.oid::regclass::text as table_name,
    quote_ident(a.attname) as column_name,
    quote_ident(n.nspname) as schema_name,
    c.relkind in ('r', 'p', 'm') as can_have_indexes,
    c.reltuples::bigint as estimated_rows,
    exists(
        select from leads as l
        where
            l.table_oid = c.oid and l.attnum = a.attnum and l.collation_oid in (0, a.attcollation)
    ) as is_found,
    exists(
        select from leads as l
        where l.table_oid = c.oid and l.attnum = a.attnum and l.is_unique
    ) as is_unique,
    has_schema_privilege(n.oid, 'usage') as may_use_schema,
    has_column_privilege(c.oid, a.attnum, 'select') as may_select,
    has_column_privilege(c.oid, a.attnum, 'update') as may_update,
    has_column_privilege(viewer.oid, c.oid, a.attnum, 'select') as viewer_may_select,
    quote_ident(pg_get_userbyid(viewer.oid)) as viewer
from wanted
inner join pg_class as c on wanted.table_oid = c.oid
inner join pg_namespace as n on c.relnamespace = n.oid
inner join pg_attribute as a on c.oid = a.attrelid and wanted.column_name = a.attname
cross join viewer
order by wanted.number;

-- name: row_security
-- Tables of the source whose policies hide rows from this role, or from the owner of the views.
with source as (
    select format('%%I.%%I', w.schema_name, w.table_name)::regclass::oid as oid
    from unnest(%(schemas)s::text[], %(tables)s::text[]) as w (schema_name, table_name)
),

viewer as (
    select
        o.oid,
        quote_ident(o.rolname) as name,
        o.rolsuper or o.rolbypassrls as sees_all
    from pg_class as v
    inner join pg_namespace as m on v.relnamespace = m.oid
    inner join pg_roles as o on v.relowner = o.oid
    where m.nspname = 'mailvault' and v.relname = 'source_part'
)

select
    c.oid::regclass::text as name,
    row_security_active(c.oid) as for_role,
    viewer.name as viewer,
    coalesce(
        not viewer.sees_all
        and (c.relforcerowsecurity or not pg_has_role(viewer.oid, c.relowner, 'usage')),
        false
    ) as for_viewer
from pg_class as c
left join viewer on true
where c.relrowsecurity and c.oid in (select source.oid from source)
order by name;

-- name: may_see_changes
select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as may_see
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where n.nspname = 'mailvault' and c.relname = 'missed_change';

-- name: missed_changes
-- Those of single emails together: there may be many, each with a message of its own.
select
    m.table_name,
    min(m.message) as message,
    min(m.missed_at) as since,
    count(m.email_key) as emails
from mailvault.missed_change as m
group by m.table_name, case when m.email_key is null then m.message end
order by since;
