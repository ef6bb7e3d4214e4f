-- Idle workers look for orders less often now, and are told of a pause.

create or replace function mailvault.pause(p_by text default session_user)
returns void
language sql
as $$
update mailvault.control as c set
    paused_at = now(),
    paused_by = p_by
where c.paused_at is null;

-- So that those who are idle show at once that they obey.
select mailvault.wake();
$$;
