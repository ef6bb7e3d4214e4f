-- The next email that has this part needs no upload. In the order of the keys: two who store the
-- same parts cannot deadlock.
insert into mailvault.shared_part as s (kind, part_key, object_key)
select distinct on (d.part_key) d.kind, d.part_key, d.object_key
from unnest(p_kinds, p_part_keys, p_object_keys) as d (kind, part_key, object_key)
where
    d.kind = {kind}
    and not exists (
        select 1
        from mailvault.change as c
        where c.kind = d.kind and c.part_key = d.part_key
    )
order by d.part_key
on conflict (kind, part_key) do update set object_key = excluded.object_key;
