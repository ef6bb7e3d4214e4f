-- The least that the role of a worker needs, as statements for an administrator to look at and run.
-- Mail is read with the rights of the views' owner, and its rows are marked with those of the role.

-- name: of_mailvault
select format('grant usage on schema mailvault to %%I;', %(role)s::text) as statement
union all
select
    format(
        'grant %%s on table mailvault.%%I to %%I;',
        case
            when c.relkind = 'r' and c.relname <> 'schema_version'
                then 'select, insert, update, delete'
            else 'select'
        end,
        c.relname,
        %(role)s::text
    ) as statement
from pg_class as c
where c.relnamespace = 'mailvault'::regnamespace and c.relkind in ('r', 'v')
order by statement desc;

-- name: of_source
-- Columns that rows are found by and columns that are written; and policies, where row-level
-- security would hide rows from a role that is not told otherwise.
with wanted as (
    select w.schema_name, w.table_name, w.column_name, w.privilege
    from
        unnest(
            %(schemas)s::text[], %(tables)s::text[], %(columns)s::text[], %(privileges)s::text[]
        ) as w (schema_name, table_name, column_name, privilege)
),

by_privilege as (
    select
        w.schema_name,
        w.table_name,
        w.privilege,
        string_agg(distinct quote_ident(w.column_name), ', ') as columns
    from wanted as w
    group by w.schema_name, w.table_name, w.privilege
)

select distinct
    1 as number,
    format('grant usage on schema %%I to %%I;', p.schema_name, %(role)s::text) as statement
from by_privilege as p
union all
select
    2 as number,
    format(
        'grant %%s on table %%I.%%I to %%I;',
        string_agg(p.privilege || ' (' || p.columns || ')', ', ' order by p.privilege),
        p.schema_name,
        p.table_name,
        %(role)s::text
    ) as statement
from by_privilege as p
group by p.schema_name, p.table_name
union all
select distinct
    3 as number,
    format(
        'create policy mailvault on %%I.%%I to %%I using (true);',
        p.schema_name,
        p.table_name,
        %(role)s::text
    ) as statement
from by_privilege as p
inner join pg_class as c on p.table_name = c.relname
inner join pg_namespace as n on c.relnamespace = n.oid and p.schema_name = n.nspname
where c.relrowsecurity
order by number, statement;
