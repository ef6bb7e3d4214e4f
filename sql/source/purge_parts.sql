create function mailvault.source_purge(
    p_kinds text[], p_part_keys text[], p_object_keys text[], p_digests bytea[]
)
returns void
language sql
set search_path from current
set "mailvault.writes" = 'on'
as $$
{body}
$$;

comment on function mailvault.source_purge is
'Frees the bytes of parts as the mapping says, where the table still has those of the digest.';
