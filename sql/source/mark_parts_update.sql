select from {table} as t
where
    t.{key} = any(
        array(
            select d.part_key::{type}
            from unnest(p_kinds, p_part_keys) as d (kind, part_key)
            where d.kind = {kind}
        )
    )
order by t.{key}
for no key update;

update {table} as t
set {assignments}
from unnest(p_kinds, p_part_keys, p_object_keys) as d (kind, part_key, object_key)
where
    d.kind = {kind}
    and t.{key} = d.part_key::{type};
