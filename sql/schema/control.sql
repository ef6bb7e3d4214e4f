-- What an operator tells all workers: wait, go on, leave a batch alone. They ask every second.

create function mailvault.pause(
    p_by text default session_user,
    p_for interval default null
)
returns void
language sql
as $$
update mailvault.control as c set
    paused_at = case when c.paused_until > now() then c.paused_at else now() end,
    paused_by = p_by,
    paused_until = coalesce(now() + p_for, 'infinity');

select mailvault.note_action('pause', p_by, jsonb_build_object('for', p_for));

-- So that those who are idle show at once that they obey.
select mailvault.wake();
$$;

comment on function mailvault.pause is
'Nothing is claimed any more, for some time or until resume; workers finish what is in upload and '
'give the rest back.';

create function mailvault.resume(p_by text default session_user)
returns void
language sql
as $$
update mailvault.control as c set
    paused_at = null,
    paused_by = null,
    paused_until = null
where c.paused_at is not null;

select mailvault.note_action('resume', p_by);

select mailvault.wake();
$$;

comment on function mailvault.resume is 'Ends a pause.';

create function mailvault.set_concurrency(
    p_concurrency integer,
    p_by text default session_user
)
returns void
language sql
as $$
update mailvault.control as c set concurrency = p_concurrency;

select mailvault.note_action(
    'set_concurrency', p_by, jsonb_build_object('concurrency', p_concurrency)
);
$$;

comment on function mailvault.set_concurrency is
'How many emails all workers together have in flight at the most; NULL: as each was started.';

create function mailvault.stop_workers(p_by text default session_user)
returns void
language sql
as $$
update mailvault.control as c set stopped_at = now();

select mailvault.note_action('stop', p_by);

select mailvault.wake();
$$;

comment on function mailvault.stop_workers is
'Ends all workers that run now: they finish what is in flight, and give the rest back.';

create function mailvault.cancel(
    p_batch bigint,
    p_limit integer default 10000,
    p_by text default session_user
)
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
    if found then
        perform mailvault.note_action('cancel', p_by, jsonb_build_object('batch', p_batch));
    end if;
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
returns table (paused boolean, cancelled bigint[], stop boolean, concurrency integer)
language sql
set enable_seqscan = off
as $$
select
    coalesce(c.paused_until > now(), false),
    array(
        select l.job_id
        from mailvault.lease as l
        where l.worker_id = p_worker and l.cancelled
    ),
    exists (
        select from mailvault.worker as w
        where w.id = p_worker and w.commanded_at < c.stopped_at
    ),
    case
        when c.concurrency is not null
            then (
                -- Evenly; where it does not come out even, who is first has one more.
                select (c.concurrency + count(*) filter (where w.id > p_worker)) / count(*)
                from mailvault.worker as w
                where w.state not in ('stopped', 'lost')
                having count(*) > 0
            )
    end::integer
from mailvault.control as c;
$$;

comment on function mailvault.orders is
'What a worker has to obey: whether all are paused, which jobs it should let go, whether it must '
'end, and how many emails it may have in flight (NULL: as many as it was started with).';
