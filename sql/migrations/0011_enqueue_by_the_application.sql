-- The transactional outbox: the application dispatches an email in its own transaction.

insert into mailvault.batch (id, state, priority) overriding system value values (0, 'open', 1);

-- The application's own transactions call this: whoever else dispatches the same email waits for
-- the end of theirs, and nobody waits for anything else.
create function mailvault.enqueue(p_email text, p_priority integer default 1)
returns bigint
language plpgsql
as $$
declare
    v_key text := mailvault.source_text(mailvault.source_key(p_email));
    v_job bigint;
begin
    insert into mailvault.job as j (batch_id, email_key, priority)
    values (0, v_key, p_priority)
    on conflict (email_key) do nothing
    returning j.id into v_job;
    if not found then
        return (select j.id from mailvault.job as j where j.email_key = v_key);
    end if;
    insert into mailvault.outbox (priority, job_id, batch_id) values (p_priority, v_job, 0);
    perform mailvault.count_up(0, p_dispatched => 1);
    perform mailvault.wake();
    return v_job;
end
$$;

comment on function mailvault.enqueue(text, integer) is
'Dispatches one email with the caller''s transaction, before what enqueue --all dispatched, unless '
'it has a job already; returns the job.';

create function mailvault.enqueue(p_email bigint, p_priority integer default 1)
returns bigint
language sql
as $$ select mailvault.enqueue(p_email::text, p_priority) $$;

comment on function mailvault.enqueue(bigint, integer) is 'The same, by a number.';

create function mailvault.enqueue(p_email uuid, p_priority integer default 1)
returns bigint
language sql
as $$ select mailvault.enqueue(p_email::text, p_priority) $$;

comment on function mailvault.enqueue(uuid, integer) is 'The same, by a UUID.';
