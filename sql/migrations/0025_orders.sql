-- What operators tell all workers: to wait for some time, to have less in flight, to end. And what
-- workers tell of themselves.

alter table mailvault.control
drop constraint control_check,
add column paused_until timestamptz,
add column concurrency integer check (concurrency > 0),
add column stopped_at timestamptz;
update mailvault.control as c set paused_until = 'infinity'
where c.paused_at is not null;
alter table mailvault.control
add check (num_nulls(paused_at, paused_by, paused_until) in (0, 3));
comment on column mailvault.control.paused_until is 'When the pause is over; infinity: never.';
comment on column mailvault.control.concurrency is
'Emails in flight, of all workers together; NULL: as many as each was started with.';
comment on column mailvault.control.stopped_at is
'Workers that were started before it end; those that are started later do not.';

alter table mailvault.worker
add column processed bigint not null default 0,
add column failed bigint not null default 0,
add column memory bigint,
add column commanded_at timestamptz not null default now();
comment on column mailvault.worker.processed is 'Emails it has stored.';
comment on column mailvault.worker.failed is 'Attempts of its that failed.';
comment on column mailvault.worker.memory is 'Bytes that it took at its last heartbeat.';
comment on column mailvault.worker.commanded_at is
'When the command was started that keeps it running, which may have started others before it.';

-- Each worker asks every second how many there are, and the heart for those to call lost.
create index worker_living on mailvault.worker (id) where state not in ('stopped', 'lost');

drop function mailvault.pause(text);

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

drop function mailvault.resume();

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

drop function mailvault.cancel(bigint, integer);

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

drop function mailvault.orders(bigint);

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

drop function mailvault.heartbeat(bigint, text, integer, text, text, interval);

create function mailvault.heartbeat(
    p_worker bigint,
    p_state text,
    p_in_flight integer,
    p_held_reason text default null,
    p_held_message text default null,
    p_renewal interval default null,
    p_processed bigint default null,
    p_failed bigint default null,
    p_memory bigint default null
)
returns bigint
language sql
as $$
update mailvault.worker as w set
    state = p_state,
    in_flight = p_in_flight,
    held_reason = p_held_reason,
    held_message = p_held_message,
    held_since = case
        when p_state <> 'held' and p_held_reason is null then null
        -- What held it at first and slows it now is news.
        when (w.state = 'held') = (p_state = 'held') then coalesce(w.held_since, now())
        else now()
    end,
    heartbeat_at = now(),
    beats = w.beats + 1,
    processed = coalesce(p_processed, w.processed),
    failed = coalesce(p_failed, w.failed),
    memory = coalesce(p_memory, w.memory)
where w.id = p_worker;

-- A worker that goes on keeps its leases, however long its uploads take; one that says nothing of a
-- renewal keeps them to their deadline. Seldom, since each renewal leaves a dead row.
update mailvault.lease as l set deadline_at = now() + p_renewal
where l.worker_id = p_worker and l.deadline_at < now() + p_renewal / 2;

-- All workers sample; the first of every five seconds wins.
insert into mailvault.sample (batch_id, sampled_at, processed, dead, bytes)
select
    t.batch_id,
    date_bin('5 seconds', now(), timestamptz '2000-01-01 00:00:00+00'),
    sum(t.processed), sum(t.dead), sum(t.bytes)
from mailvault.tally as t
group by t.batch_id
having max(t.changed_at) > now() - interval '1 minute'
on conflict (batch_id, sampled_at) do nothing;

select w.beats from mailvault.worker as w where w.id = p_worker;
$$;

comment on function mailvault.heartbeat is
'Tells that a worker lives and how it is, renews its leases, and samples the tallies; returns its '
'heartbeats so far, or NULL for a worker that is not known.';

create or replace view mailvault.workers as
select
    w.id as worker,
    w.host,
    w.pid,
    w.state,
    w.held_reason,
    w.held_message,
    w.held_since,
    w.in_flight,
    w.concurrency,
    w.uploader,
    w.uploader_reason,
    w.started_at,
    extract(epoch from now() - w.heartbeat_at)::float as heartbeat_age_s,
    w.processed,
    w.failed,
    w.memory
from mailvault.worker as w
where w.state not in ('stopped', 'lost') or w.heartbeat_at > now() - interval '1 hour';

comment on view mailvault.workers is 'Workers that live, and those that ended within the hour.';
