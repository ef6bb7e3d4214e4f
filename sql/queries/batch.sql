-- name: open
insert into mailvault.batch
(since, until, email_keys, max_emails, priority, total, source_bytes)
values (
    %(since)s, %(until)s, %(email_keys)s, %(max_emails)s, %(priority)s, %(total)s,
    %(source_bytes)s
)
returning id;

-- name: find_interrupted
-- The same selection, asked for before and not dispatched to its end.
select b.id
from mailvault.batch as b
where
    b.state = 'enqueuing'
    and b.since is not distinct from %(since)s
    and b.until is not distinct from %(until)s
    and b.email_keys is not distinct from %(email_keys)s
    and b.max_emails is not distinct from %(max_emails)s
    and b.priority = %(priority)s
order by b.id
limit 1;

-- name: chunk
select dispatched, finished from mailvault.enqueue_chunk(%(batch)s, %(limit)s);

-- name: count_selection
select count(*)
from (
    select s.key
    from mailvault.selection(%(since)s, %(until)s, %(email_keys)s, null) as s
    limit %(max_emails)s
) as counted;

-- name: measure_selection
-- What a batch would move. Sizes of bodies come from their headers, without reading them.
with measured as materialized (
    select s.key
    from mailvault.selection(%(since)s, %(until)s, %(email_keys)s, null) as s
    order by s.key
    limit %(max_emails)s
)

select
    (select count(m.key) from measured as m) as emails,
    count(p.part_key) as parts,
    coalesce(sum(p.size), 0)::bigint as bytes,
    -- A file's size is not in the tables, or is that of its encoded form.
    count(*) filter (
        where p.part_key is not null and (p.size is null or p.encoding is not null)
    ) as not_measured,
    -- One for each, but for what goes in slices: one for each slice, the first and the last.
    coalesce(sum(
        case
            when p.size > %(slice)s::bigint
                then 2 + ceil(
                    p.size::float / greatest(%(slice)s::bigint, p.size / %(most_slices)s::bigint)
                )
            else 1
        end
    ) filter (where p.part_key is not null), 0)::bigint as requests
from measured
left join mailvault.source_part as p on measured.key = p.email_key;

-- name: unknown_keys
select asked.key
from unnest(%(email_keys)s::text[]) as asked (key)
left join mailvault.source_email as e on mailvault.source_key(asked.key) = e.key
where e.key is null;

-- name: find
select b.id, b.state, b.total, b.dispatched
from mailvault.batch as b
where b.id = %(batch)s;

-- name: list
-- With what was asked for; newest first, and the application's own last.
select
    p.batch as id,
    p.state,
    p.total,
    p.processed,
    p.failed,
    p.remaining,
    p.per_minute::float as rate_per_min,
    p.created_at,
    p.started_at,
    extract(epoch from p.elapsed)::float as elapsed_s,
    b.priority,
    b.since,
    b.until,
    cardinality(b.email_keys) as ids,
    b.max_emails
from mailvault.progress as p
inner join mailvault.batch as b on p.batch = b.id
order by p.batch desc;

-- name: cancel
select cancelled, finished from mailvault.cancel(%(batch)s, %(limit)s, %(by)s);
