-- A claim heeds a pause that ends by itself.
-- It returns the batch, too: the log says it of each job.
drop function mailvault.claim(bigint, integer, interval, bigint[], uuid);

create function mailvault.claim(
    p_worker bigint,
    p_limit integer,
    p_timeout interval,
    p_after bigint[] default null,
    p_token uuid default gen_random_uuid()
)
returns table (
    job_id bigint, token uuid, email_key text, attempt integer, priority smallint, batch_id bigint
)
language plpgsql
-- One plan for good: to plan took most of the time of a small claim. It must do for tables that are
-- empty when it is made and large later, so that the ways are closed which do not for both.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    v_forbidden bigint[];
    v_picked tid[] := '{}';
begin
    if exists (select from mailvault.control as c where c.paused_until > now()) then
        return;
    end if;
    v_forbidden := array(select b.id from mailvault.batch as b where b.state = 'cancelling');
    if
        p_after is null
        and exists (select from mailvault.delayed as d where d.due_at <= now())
    then
        perform mailvault.promote(p_limit);
    end if;

    -- In order of priority, then of dispatch. From the remembered position on, since in front of
    -- it lie the entries of all rows that were claimed before, which an old snapshot anywhere
    -- keeps from being vacuumed. SKIP LOCKED, so that workers pass one another.
    for v_priority in 0..9 loop
        v_picked := v_picked || array(
            select o.ctid
            from mailvault.outbox as o
            where
                o.priority = v_priority
                and o.job_id > coalesce(p_after[v_priority + 1], 0)
                and o.batch_id <> all(v_forbidden)
            order by o.job_id
            limit p_limit - cardinality(v_picked)
            for update skip locked
        );
        exit when cardinality(v_picked) >= p_limit;
    end loop;
    if v_picked = '{}' then
        return;
    end if;

    return query
    -- The rows are locked, so that they are still where they were seen.
    with taken as (
        delete from mailvault.outbox as o
        where o.ctid = any(v_picked)
        returning o.priority, o.job_id, o.batch_id, o.attempts, o.email_key
    ),

    -- Attempts are counted here, so that a crash counts too.
    leased as (
        insert into mailvault.lease as l (
            priority, job_id, batch_id, attempts, email_key, token, worker_id, deadline_at
        )
        select
            taken.priority, taken.job_id, taken.batch_id, taken.attempts + 1, taken.email_key,
            p_token, p_worker, now() + p_timeout
        from taken
        returning l.priority, l.job_id, l.batch_id, l.attempts, l.email_key
    ),

    started as (
        update mailvault.batch as b set started_at = now()
        where
            b.started_at is null
            -- No join, so that nothing is gathered where all have started.
            and array(select leased.batch_id from leased) @> array[b.id]
    )

    select
        leased.job_id, p_token, leased.email_key, leased.attempts, leased.priority,
        leased.batch_id
    from leased
    order by leased.priority, leased.job_id;
end
$$;

comment on function mailvault.claim is
'Leases up to p_limit ready jobs to a worker for p_timeout, with a fencing token that is new for '
'each claim; of each priority (from 0) those after a position, or all and what has come due.';
