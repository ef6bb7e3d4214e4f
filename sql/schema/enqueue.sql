-- From the source to the outbox. The views source_email and source_part and the functions
-- source_key, source_text and selection are made from the mapping by `mailvault init`.

create function mailvault.wake()
returns void
language plpgsql
as $$
begin
    -- A hint, sent only if somebody waits for it: the lock that NOTIFY takes at commit is global.
    if exists (select from mailvault.worker as w where w.state = 'idle') then
        notify mailvault;
    end if;
end
$$;

comment on function mailvault.wake is 'Tells idle workers, if there are any, that there is work.';

create function mailvault.dispatch(p_batch bigint, p_priority integer, p_keys text[])
returns bigint
language plpgsql
as $$
declare
    v_keys text[] := p_keys;
    v_dispatched bigint;
begin
    -- Hardly ever was one of them dispatched before: to find that out from an error is much
    -- cheaper than ON CONFLICT, which looks each key up first and inserts it in two steps.
    loop
        begin
            with made as (
                insert into mailvault.job (batch_id, email_key, priority)
                select p_batch, k.key, p_priority
                from unnest(v_keys) as k (key)
                returning id, email_key
            )

            insert into mailvault.outbox (priority, job_id, batch_id, email_key)
            select p_priority, made.id, p_batch, made.email_key from made;
            get diagnostics v_dispatched = row_count;
            return v_dispatched;
        exception
            when unique_violation then
                -- A snapshot from before would never show who else dispatched them.
                if current_setting('transaction_isolation') <> 'read committed' then
                    raise;
                end if;
                v_keys := array(
                    select k.key
                    from unnest(v_keys) with ordinality as k (key, n)
                    where
                        not exists (select from mailvault.job as j where j.email_key = k.key)
                    order by k.n
                );
        end;
    end loop;
end
$$;

comment on function mailvault.dispatch is
'Makes jobs for those of some emails that have none, and puts them into the outbox; returns how '
'many.';

create function mailvault.enqueue_chunk(p_batch bigint, p_limit integer)
returns table (dispatched bigint, finished boolean)
language plpgsql
-- A generic plan cannot know which of the selection's conditions are absent, and would read the
-- source from its start for every chunk.
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_batch mailvault.batch;
    v_limit bigint;
    v_keys text[];
    v_found bigint;
begin
    -- One enqueuer at a time; a second one goes on from where the first has come to.
    select * into strict v_batch from mailvault.batch where id = p_batch for update;
    if v_batch.state <> 'enqueuing' then
        return query select v_batch.dispatched, true;
        return;
    end if;
    v_limit := least(p_limit, v_batch.max_emails - v_batch.dispatched);

    v_keys := array(
        select n.key
        from mailvault.next_keys(
            v_batch.since, v_batch.until, v_batch.email_keys, v_batch.position, v_limit
        ) as n
    );
    v_found := cardinality(v_keys);
    v_batch.dispatched := v_batch.dispatched
    + mailvault.dispatch(p_batch, v_batch.priority, v_keys);

    finished := v_found < v_limit
    or coalesce(v_batch.dispatched >= v_batch.max_emails, false);
    update mailvault.batch as b
    set
        position = coalesce(v_keys[v_found], b.position),
        dispatched = v_batch.dispatched,
        total = case when enqueue_chunk.finished then v_batch.dispatched else b.total end,
        state = case when enqueue_chunk.finished then 'enqueued' else 'enqueuing' end,
        enqueued_at = case when enqueue_chunk.finished then now() end
    where b.id = p_batch;

    perform mailvault.wake();
    dispatched := v_batch.dispatched;
    return next;
end
$$;

comment on function mailvault.enqueue_chunk is
'Dispatches up to p_limit more emails; returns how many it is now, and whether that is all.';

-- The application's own transactions call this. Of two who dispatch the same email, the second
-- waits for the end of the first's transaction: workers and enqueue for theirs, and they for a
-- chunk of enqueue. One that calls this for several emails does so in the order of their keys, or
-- it may lose a deadlock.
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
    insert into mailvault.outbox (priority, job_id, batch_id, email_key)
    values (p_priority, v_job, 0, v_key);
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
