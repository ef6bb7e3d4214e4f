-- name: open
insert into mailvault.batch (since, until, email_keys, max_emails, total)
values (%(since)s, %(until)s, %(email_keys)s, %(max_emails)s, %(total)s)
returning id;

-- name: chunk
select dispatched, finished from mailvault.enqueue_chunk(%(batch)s, %(limit)s);

-- name: count_selection
select count(*)
from (
    select s.key
    from mailvault.selection(%(since)s, %(until)s, %(email_keys)s, null) as s
    limit %(max_emails)s
) as chosen;

-- name: measure_selection
-- What a batch would move. Sizes of bodies come from their headers, without reading them.
with chosen as materialized (
    select s.key
    from mailvault.selection(%(since)s, %(until)s, %(email_keys)s, null) as s
    order by s.key
    limit %(max_emails)s
)

select
    (select count(*) from chosen) as emails,
    count(p.part_key) as parts,
    coalesce(sum(p.size), 0)::bigint as bytes
from chosen
left join mailvault.source_part as p on chosen.key = p.email_key;

-- name: unknown_keys
select asked.key
from unnest(%(email_keys)s::text []) as asked (key)
where not exists (
    select from mailvault.source_email as e where e.key = mailvault.source_key(asked.key)
);

-- name: find
select id, state, total, dispatched from mailvault.batch where id = %(batch)s;
