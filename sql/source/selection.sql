-- Written so that the planner can inline it: a page of it is then a range of the key's index.
create function mailvault.candidates(
    p_since timestamptz, p_until timestamptz, p_keys text[], p_after text
)
returns setof mailvault.source_email
language sql stable
as $$
select e.key, e.received_at, e.selected
from mailvault.source_email as e
where
    e.selected
    and (p_after is null or e.key > mailvault.source_key(p_after))
    and (p_since is null or e.received_at >= p_since)
    and (p_until is null or e.received_at < p_until)
    and (
        p_keys is null
        or e.key = any(array(select mailvault.source_key(k) from unnest(p_keys) as k))
    )
$$;

comment on function mailvault.candidates is
'The emails that a batch is about, after a position, whether they were dispatched before or not.';

create function mailvault.selection(
    p_since timestamptz, p_until timestamptz, p_keys text[], p_after text
)
returns setof mailvault.source_email
language sql stable
as $$
select c.key, c.received_at, c.selected
from mailvault.candidates(p_since, p_until, p_keys, p_after) as c
where not exists (
    select from mailvault.job as j where j.email_key = mailvault.source_text(c.key)
)
$$;

comment on function mailvault.selection is
'The emails that a batch would dispatch: selected, not dispatched before, after a position.';
