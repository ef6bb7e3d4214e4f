select from {table} as t
where {among}
order by {order}
for no key update;

update {table} as t
set {assignments}
from unnest(p_kinds, p_part_keys, p_object_keys) as d (kind, part_key, object_key)
where d.kind = {kind} and {equal};
