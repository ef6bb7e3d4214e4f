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
    insert into mailvault.outbox (job_id, batch_id, attempts)
    select taken.job_id, taken.batch_id, taken.attempts from taken
    returning batch_id
),

counted as (
    select
        count(*) as jobs,
        mailvault.count_up(placed.batch_id, 0, p_delayed => -count(*))
    from placed
    group by placed.batch_id
    order by placed.batch_id
)

select coalesce(sum(counted.jobs), 0)::bigint from counted;
$$;

comment on function mailvault.promote is
'Puts up to p_limit jobs whose time has come back into the outbox; returns how many.';

create function mailvault.claim(p_worker bigint, p_limit integer, p_timeout interval)
returns table (job_id bigint, token uuid, email_key text, attempt integer)
language plpgsql
-- Plans are kept, and a table that was empty when one was made may be large by now.
set enable_seqscan = off
as $$
begin
    perform mailvault.promote(p_limit);

    return query
    -- Materialized, so that the limit holds whatever plan is chosen; SKIP LOCKED, so that
    -- workers pass one another; in order of id, which is the order of dispatch.
    with picked as materialized (
        select o.job_id
        from mailvault.outbox as o
        order by o.job_id
        limit p_limit
        for update skip locked
    ),

    taken as (
        delete from mailvault.outbox as o
        where o.job_id = any(array(select picked.job_id from picked))
        returning o.job_id, o.batch_id, o.attempts
    ),

    -- Attempts are counted here, so that a crash counts too.
    leased as (
        insert into mailvault.lease as l (job_id, batch_id, attempts, worker_id, deadline_at)
        select taken.job_id, taken.batch_id, taken.attempts + 1, p_worker, now() + p_timeout
        from taken
        returning l.job_id, l.batch_id, l.token, l.attempts
    ),

    started as (
        update mailvault.batch as b set started_at = now()
        where b.started_at is null and b.id in (select leased.batch_id from leased)
    )

    select
        leased.job_id,
        leased.token,
        (select j.email_key from mailvault.job as j where j.id = leased.job_id),
        leased.attempts
    from leased
    order by leased.job_id;
end
$$;

comment on function mailvault.claim is
'Leases up to p_limit ready jobs to a worker for p_timeout, each with a new fencing token.';
