-- Jobs keep an email's key as text, whatever its type; these two lead there and back.
create function mailvault.source_key(p_key text)
returns {type}
language sql immutable strict
as $$ select p_key::{type} $$;

comment on function mailvault.source_key is 'The key of an email, from its text.';

create function mailvault.source_text(p_key {type})
returns text
language sql immutable strict
as $$ select p_key::text $$;

comment on function mailvault.source_text is 'The key of an email, as text.';

create function mailvault.source_has_policy()
returns boolean
language sql immutable
as $$ select {has_policy} $$;

comment on function mailvault.source_has_policy is
'Whether the mapping says which emails are eligible, so that workers look for them.';
