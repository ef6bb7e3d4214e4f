-- Written so that the planner can inline it: the condition then reaches the tables below the view
-- as one on their indexes, and the bytes are not looked at where nobody asks for them.
create function mailvault.parts_of(p_keys text[])
returns table (
    email text,
    kind text,
    part_key text,
    size bigint,
    in_table boolean,
    content bytea,
    large_object oid,
    path text,
    encoding text,
    filename text,
    content_type text,
    object_key text,
    is_shared boolean
)
language sql stable
as $$
select
    k,
    p.kind,
    p.part_key,
    p.size,
    p.in_table,
    p.content,
    p.large_object,
    p.path,
    p.encoding,
    p.filename,
    p.content_type,
    p.object_key,
    p.is_shared
from unnest(p_keys) as k
inner join mailvault.source_part as p on {equal}
where {links_among}
$$;

comment on function mailvault.parts_of is
'The bodies and attachments of some emails, found by their keys as text.';
