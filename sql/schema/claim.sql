-- From the outbox to a lease. Rows are found by arrays of ids and not by joins, here and elsewhere:
-- an index then finds them, whatever the planner believes of tables that fill and empty all day.

create function mailvault.promote(p_limit integer)
returns bigint
language sql
as $$
with due as materialized (
    select d.job_id
    from mailvault.delayed as d
    where d.due_at <= now()
    order by d.due_at
    limit p_limit
    for update skip locked
),

taken as (
    delete from mailvault.delayed as d
    where d.job_id = any(array(select due.job_id from due))
    returning d.job_id, d.batch_id, d.attempts
),

placed as (
    insert into mailvault.outbox (priority, job_id, batch_id, attempts)
    select
        (select j.priority from mailvault.job as j where j.id = taken.job_id),
        taken.job_id, taken.batch_id, taken.attempts
    from taken
    returning batch_id
),

counted as (
    select
        count(*) as jobs,
        mailvault.count_up(placed.batch_id, p_delayed => -count(*))
    from placed
    group by placed.batch_id
)

select coalesce(sum(counted.jobs), 0)::bigint from counted;
$$;

comment on function mailvault.promote is
'Puts up to p_limit jobs whose time has come back into the outbox; returns how many.';

create function mailvault.claim(
    p_worker bigint, p_limit integer, p_timeout interval, p_after bigint[] default null
)
returns table (job_id bigint, token uuid, email_key text, attempt integer, priority smallint)
language plpgsql
-- Plans are kept, and a table that was empty when one was made may be large by now.
set enable_seqscan = off
as $$
declare
    v_forbidden bigint[];
    v_picked tid[] := '{}';
    -- Of this claim, in which a job is once: drawing one for each job took a sixth of the time.
    v_token uuid := gen_random_uuid();
begin
    if exists (select from mailvault.control as c where c.paused_at is not null) then
        return;
    end if;
    v_forbidden := array(select b.id from mailvault.batch as b where b.state = 'cancelling');
    if p_after is null then
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

    return query
    -- The rows are locked, so that they are still where they were seen.
    with taken as (
        delete from mailvault.outbox as o
        where o.ctid = any(v_picked)
        returning o.job_id, o.batch_id, o.attempts, o.priority
    ),

    -- Attempts are counted here, so that a crash counts too.
    leased as (
        insert into mailvault.lease as l (
            job_id, batch_id, attempts, token, worker_id, deadline_at
        )
        select
            taken.job_id, taken.batch_id, taken.attempts + 1, v_token, p_worker, now() + p_timeout
        from taken
        returning l.job_id, l.batch_id, l.attempts
    ),

    started as (
        update mailvault.batch as b set started_at = now()
        where b.started_at is null and b.id in (select leased.batch_id from leased)
    )

    select leased.job_id, v_token, j.email_key, leased.attempts, j.priority
    from leased
    cross join
        lateral (
            select k.email_key, k.priority
            from mailvault.job as k
            where k.id = leased.job_id
            limit 1  -- keeps it one look-up for each row, and no join over the table
        ) as j
    order by j.priority, leased.job_id;
end
$$;

comment on function mailvault.claim is
'Leases up to p_limit ready jobs to a worker for p_timeout, with a new fencing token; of each '
'priority (from 0) those after a position, or all and what has come due.';
