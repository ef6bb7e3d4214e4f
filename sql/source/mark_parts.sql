create function mailvault.source_mark_parts(
    p_kinds text[], p_part_keys text[], p_object_keys text[]
)
returns void
language sql
set search_path from current
set "mailvault.writes" = 'on'
as $$
{body}
$$;

comment on function mailvault.source_mark_parts is
'Writes back to the application where its bodies and attachments are now, as the mapping says.';
