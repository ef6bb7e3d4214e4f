-- Written so that the planner can inline it: a page of it is then a range of the key's index.
create function mailvault.candidates(
    p_since timestamptz, p_until timestamptz, p_keys text[], p_after text
)
returns setof mailvault.source_email
language sql stable
as $$
select e.key{columns}, e.received_at, e.selected
from mailvault.source_email as e
where
    e.selected
    and (p_after is null or {after})
    and (p_since is null or e.received_at >= p_since)
    and (p_until is null or e.received_at < p_until)
    and (p_keys is null or {among})
$$;

comment on function mailvault.candidates is
'The emails that a batch is about, after a position, whether they were dispatched before or not.';

create function mailvault.selection(
    p_since timestamptz, p_until timestamptz, p_keys text[], p_after text
)
returns setof mailvault.source_email
language sql stable
as $$
select e.key{columns}, e.received_at, e.selected
from mailvault.candidates(p_since, p_until, p_keys, p_after) as e
where not exists (
    select from mailvault.job as j where j.email_key = mailvault.source_text(e.key)
)
$$;

comment on function mailvault.selection is
'The emails that a batch would dispatch: selected, not dispatched before, after a position.';

create function mailvault.next_keys(
    p_since timestamptz, p_until timestamptz, p_keys text[], p_after text, p_limit bigint
)
returns table (key text)
language sql stable
as $$
select mailvault.source_text(e.key)
from mailvault.candidates(p_since, p_until, p_keys, p_after) as e
order by {order}
limit p_limit
$$;

comment on function mailvault.next_keys is
'The keys of the next emails that a batch is about, in their order.';

create function mailvault.known_keys(p_keys text[])
returns table (key text, selected boolean)
language sql stable
as $$
select mailvault.source_text(e.key), e.selected
from mailvault.source_email as e
where {among}
$$;

comment on function mailvault.known_keys is
'Those of some emails that are in the source, and whether enqueue looks at them.';
