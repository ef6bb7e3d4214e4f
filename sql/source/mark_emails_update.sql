-- Rows are locked in the order of their keys, so that two who do this cannot deadlock.
select from {table} as t
where {among}
order by {order}
for no key update;

update {table} as t
set {assignments}
from unnest(p_keys, p_attempts, p_messages) as d (email_key, attempts, message)
where {equal};
