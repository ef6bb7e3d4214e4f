create function mailvault.source_mark_emails(
    p_keys text[], p_stored boolean, p_attempts integer[], p_messages text[]
)
returns void
language sql
set search_path from current
set "mailvault.writes" = 'on'
as $$
{body}
$$;

comment on function mailvault.source_mark_emails is
'Writes back to the application''s emails how they stand, as the mapping says.';
