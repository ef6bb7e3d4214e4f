delete from {table} as {alias}
using
    unnest(p_kinds, p_part_keys, p_object_keys, p_digests)
        as d (kind, part_key, object_key, digest){others}
where
    d.kind = {kind}
    and {equal}{conditions}
    and sha256({content}) = d.digest;
