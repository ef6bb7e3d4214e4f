-- What an operator tells all workers: wait, go on, leave a batch alone.

alter table mailvault.batch drop constraint batch_state_check;
alter table mailvault.batch add constraint batch_state_check
check (state in ('open', 'enqueuing', 'enqueued', 'cancelling', 'cancelled'));
alter table mailvault.batch drop constraint batch_check;
alter table mailvault.batch drop constraint batch_check1;
alter table mailvault.batch add constraint batch_check
check (since is null or until is null or since < until);
alter table mailvault.batch add constraint batch_check1
check (enqueued_at is not null or state <> 'enqueued');
alter table mailvault.lease add cancelled boolean not null default false;
alter table mailvault.worker drop constraint worker_state_check;
alter table mailvault.worker add constraint worker_state_check
check (state in ('running', 'idle', 'held', 'paused', 'stopping', 'stopped', 'lost'));

-- Every claim asks whose jobs it must not touch.
create index batch_cancelling on mailvault.batch (id) where state = 'cancelling';

-- Every worker asks every second which of its jobs were cancelled: hardly ever one.
create index lease_cancelled on mailvault.lease (worker_id) where cancelled;

comment on column mailvault.batch.state is
'enqueuing until every selected email is dispatched; batch 0, the application''s own, is open.';
comment on column mailvault.lease.cancelled is 'Its batch was cancelled: if not stored, it ends.';

create table mailvault.control (
    only_row boolean primary key default true check (only_row),
    paused_at timestamptz,
    paused_by text,
    check ((paused_at is null) = (paused_by is null))
);

insert into mailvault.control default values;

comment on table mailvault.control is 'One row: what all workers obey.';
comment on column mailvault.control.only_row is 'Keeps it to one row.';
comment on column mailvault.control.paused_at is 'Since when nothing is claimed; NULL: it is.';
comment on column mailvault.control.paused_by is 'Who paused.';

drop function mailvault.release(bigint, bigint[], uuid[]);

create function mailvault.discard(p_jobs bigint[])
returns void
language sql
as $$
with gone as (
    delete from mailvault.job as j
    where j.id = any(p_jobs)
    returning j.batch_id
)

select mailvault.count_up(gone.batch_id, p_cancelled => count(*))
from gone
group by gone.batch_id;
$$;

comment on function mailvault.discard is
'Forgets cancelled jobs, so that another batch may dispatch their emails.';

create or replace function mailvault.nack(
    p_worker bigint,
    p_jobs bigint[],
    p_tokens uuid[],
    p_reasons text[],
    p_messages text[],
    p_retryable boolean[],
    p_max_attempts integer default 3,
    p_delay interval default '60 seconds'
)
returns bigint[]
language plpgsql
set enable_seqscan = off
set lock_timeout = '2s'
as $$
declare
    v_jobs bigint[];
    v_batches bigint[];
    v_attempts integer[];
    v_messages text[];
    v_again boolean[];
    v_cancelled bigint[];
begin
    with gone as (
        delete from mailvault.lease as l
        using
            unnest(p_jobs, p_tokens, p_reasons, p_messages, p_retryable)
            as held (job_id, token, reason, message, retryable)
        where l.job_id = held.job_id and l.token = held.token
        returning
            l.job_id, l.batch_id, l.attempts, l.cancelled, held.reason, held.message,
            held.retryable and l.attempts < p_max_attempts as again
    ),

    noted as (
        insert into mailvault.failure (job_id, attempt, reason, message, worker_id)
        select gone.job_id, gone.attempts, gone.reason, gone.message, p_worker from gone
    ),

    -- Exponential backoff with full jitter, so that those that failed together do not return so.
    postponed as (
        insert into mailvault.delayed (job_id, batch_id, attempts, due_at)
        select
            gone.job_id, gone.batch_id, gone.attempts,
            now() + p_delay * random() * power(2, least(gone.attempts, 20) - 1)
        from gone
        where gone.again and not gone.cancelled
    ),

    buried as (
        insert into mailvault.dead_letter (job_id, batch_id, attempts, reason, message)
        select gone.job_id, gone.batch_id, gone.attempts, gone.reason, gone.message
        from gone
        where not gone.again
    )

    select
        coalesce(array_agg(gone.job_id order by gone.job_id), '{}'),
        array_agg(gone.batch_id order by gone.job_id),
        array_agg(gone.attempts order by gone.job_id),
        array_agg(gone.message order by gone.job_id),
        array_agg(gone.again order by gone.job_id),
        array_agg(gone.job_id) filter (where gone.again and gone.cancelled)
    into v_jobs, v_batches, v_attempts, v_messages, v_again, v_cancelled
    from gone;

    perform mailvault.mark_emails(v_jobs, false, v_attempts, v_messages);

    perform mailvault.count_up(
        d.batch_id,
        p_dead => count(*) filter (where not d.again),
        p_delayed => count(*) filter (where d.again)
    )
    from unnest(v_jobs, v_batches, v_again) as d (job_id, batch_id, again)
    where d.job_id <> all(coalesce(v_cancelled, '{}'))
    group by d.batch_id;
    perform mailvault.discard(v_cancelled);

    return v_jobs;
end
$$;

comment on function mailvault.nack is
'Ends leases whose attempt failed: another one after a delay, or a dead letter; returns the jobs.';

create function mailvault.release(p_worker bigint, p_jobs bigint[], p_tokens uuid[])
returns bigint[]
language plpgsql
set enable_seqscan = off
as $$
declare
    v_jobs bigint[];
    v_cancelled bigint[];
begin
    with gone as (
        delete from mailvault.lease as l
        using unnest(p_jobs, p_tokens) as held (job_id, token)
        where l.job_id = held.job_id and l.token = held.token and l.worker_id = p_worker
        returning l.job_id, l.batch_id, l.attempts, l.cancelled
    ),

    placed as (
        insert into mailvault.outbox (priority, job_id, batch_id, attempts)
        select
            (select j.priority from mailvault.job as j where j.id = gone.job_id),
            gone.job_id, gone.batch_id, gone.attempts - 1
        from gone
        where not gone.cancelled
    )

    select
        coalesce(array_agg(gone.job_id order by gone.job_id), '{}'),
        array_agg(gone.job_id) filter (where gone.cancelled)
    into v_jobs, v_cancelled
    from gone;

    perform mailvault.discard(v_cancelled);
    return v_jobs;
end
$$;

comment on function mailvault.release is
'Gives leases back to the outbox with the attempt not counted; returns the jobs.';

create function mailvault.pause(p_by text default session_user)
returns void
language sql
as $$
update mailvault.control as c set
    paused_at = now(),
    paused_by = p_by
where c.paused_at is null;
$$;

comment on function mailvault.pause is
'Nothing is claimed any more; workers finish what is in upload and give the rest back.';

create function mailvault.resume()
returns void
language sql
as $$
update mailvault.control as c set
    paused_at = null,
    paused_by = null
where c.paused_at is not null;

select mailvault.wake();
$$;

comment on function mailvault.resume is 'Ends a pause.';

create function mailvault.cancel(p_batch bigint, p_limit integer default 10000)
returns table (cancelled bigint, finished boolean)
language plpgsql
as $$
declare
    v_seen bigint;
    v_gone bigint[];
begin
    update mailvault.batch as b set
        state = 'cancelling',
        total = case when b.state = 'enqueuing' then b.dispatched else b.total end
    where b.id = p_batch and b.state in ('enqueuing', 'enqueued');
    if not exists (
        select from mailvault.batch as b where b.id = p_batch and b.state = 'cancelling'
    ) then
        return query select 0::bigint, true;
        return;
    end if;

    -- What is seen is counted apart from what is taken: a job that moves in this moment, into a
    -- lease or out of one, is seen in its old place or in its new one, in no snapshot in neither.
    with ready as materialized (
        select o.priority, o.job_id from mailvault.outbox as o
        where o.batch_id = p_batch limit p_limit
    ),

    waiting as materialized (
        select d.job_id from mailvault.delayed as d where d.batch_id = p_batch limit p_limit
    ),

    held as materialized (
        select l.job_id from mailvault.lease as l
        where l.batch_id = p_batch and not l.cancelled
    ),

    not_ready as (
        delete from mailvault.outbox as o
        using ready
        where o.priority = ready.priority and o.job_id = ready.job_id
        returning o.job_id
    ),

    not_waiting as (
        delete from mailvault.delayed as d
        where d.job_id = any(array(select waiting.job_id from waiting))
        returning d.job_id
    ),

    -- Whoever holds it lets it go, and then it is forgotten instead of placed again.
    marked as (
        update mailvault.lease as l set cancelled = true
        where l.job_id = any(array(select held.job_id from held))
    ),

    counted as (
        select mailvault.count_up(p_batch, p_delayed => -count(*))
        from not_waiting
        having count(*) > 0
    )

    select
        (select count(*) from ready)
        + (select count(*) from waiting)
        + (select count(*) from held)
        + 0 * (select count(*) from counted),
        array(select n.job_id from not_ready as n union all select n.job_id from not_waiting as n)
    into v_seen, v_gone;

    perform mailvault.discard(v_gone);
    if v_seen = 0 then
        update mailvault.batch as b set state = 'cancelled'
        where b.id = p_batch and b.state = 'cancelling';
    end if;
    return query select cardinality(v_gone)::bigint, v_seen = 0;
end
$$;

comment on function mailvault.cancel is
'Takes up to p_limit jobs of a batch back from the queue, and marks those in hand; to be called '
'until it says that it is finished. What is stored stays stored.';

create function mailvault.orders(p_worker bigint)
returns table (paused boolean, cancelled bigint[])
language sql
set enable_seqscan = off
as $$
select
    exists (select from mailvault.control as c where c.paused_at is not null),
    array(
        select l.job_id
        from mailvault.lease as l
        where l.worker_id = p_worker and l.cancelled
    );
$$;

comment on function mailvault.orders is
'What a worker has to obey: whether all are paused, and which jobs it should let go.';
