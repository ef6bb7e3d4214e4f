-- Rows are locked in the order of their keys, so that two who do this cannot deadlock.
select from {table} as t
where t.{key} = any(array(select mailvault.source_key(k) from unnest(p_keys) as k))
order by t.{key}
for no key update;

update {table} as t
set {assignments}
from unnest(p_keys, p_attempts, p_messages) as d (email_key, attempts, message)
where t.{key} = mailvault.source_key(d.email_key);
