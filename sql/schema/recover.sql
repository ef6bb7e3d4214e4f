-- What keeps the queue going without anybody's help: heartbeats, the fold, and the reaper.

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
insert into mailvault.sample
(batch_id, sampled_at, processed, dead, bytes, source_bytes, working)
select
    t.batch_id,
    date_bin('5 seconds', now(), timestamptz '2000-01-01 00:00:00+00'),
    sum(t.processed), sum(t.dead), sum(t.bytes), sum(t.source_bytes),
    (
        select count(*)
        from mailvault.worker as w
        where w.state in ('running', 'stopping') and w.heartbeat_at > now() - interval '20 seconds'
    )
from mailvault.tally as t
group by t.batch_id
having
    max(t.changed_at) > now() - interval '1 minute'
    -- What is large may take minutes, and they count.
    or exists (select from mailvault.lease as l where l.batch_id = t.batch_id)
on conflict (batch_id, sampled_at) do nothing;

select w.beats from mailvault.worker as w where w.id = p_worker;
$$;

comment on function mailvault.heartbeat is
'Tells that a worker lives and how it is, renews its leases, and samples the tallies; returns its '
'heartbeats so far, or NULL for a worker that is not known.';

create function mailvault.thin()
returns void
language sql
as $$
-- Those of twenty minutes are what the pace is told by. What follows them is looked at again and
-- again, until it has become the last sample of its minute or is gone.
delete from mailvault.sample as s
using (
    select
        r.batch_id,
        r.sampled_at,
        lead(r.sampled_at) over (partition by r.batch_id order by r.sampled_at) as next_at
    from (
        select t.batch_id
        from mailvault.tally as t
        group by t.batch_id
        having max(t.changed_at) > now() - interval '1 minute'
    ) as b
    cross join
        lateral (
            select o.batch_id, o.sampled_at
            from mailvault.sample as o
            where o.batch_id = b.batch_id
            order by o.sampled_at desc
            limit 120 offset 240
        ) as r
) as old
where
    s.batch_id = old.batch_id
    and s.sampled_at = old.sampled_at
    and date_trunc('minute', old.next_at) = date_trunc('minute', old.sampled_at);
$$;

comment on function mailvault.thin is
'Keeps one sample a minute of what is older than the latest twenty minutes of samples.';

create function mailvault.fold(p_limit integer default 10000)
returns void
language sql
as $$
-- SKIP LOCKED, since somebody else may fold; few rows are left as they are.
with seen as materialized (
    select t.ctid as place
    from mailvault.tally as t
    limit p_limit
    for update skip locked
),

gone as (
    delete from mailvault.tally as t
    where
        t.ctid = any(array(select seen.place from seen))
        and (select count(*) from seen) > 100
    returning
        t.batch_id, t.processed, t.dead, t.delayed, t.parts, t.bytes, t.changed_at,
        t.dispatched, t.cancelled, t.reason, t.cleared, t.source_bytes
)

insert into mailvault.tally (
    batch_id, processed, dead, delayed, parts, bytes, changed_at, dispatched, cancelled, reason,
    cleared, source_bytes
)
select
    gone.batch_id, sum(gone.processed), sum(gone.dead), sum(gone.delayed), sum(gone.parts),
    sum(gone.bytes), max(gone.changed_at), sum(gone.dispatched), sum(gone.cancelled), gone.reason,
    sum(gone.cleared), sum(gone.source_bytes)
from gone
group by gone.batch_id, gone.reason;

select mailvault.thin();
$$;

comment on function mailvault.fold is
'Puts up to p_limit rows of the tally together, one for each batch and reason; the sums stay as '
'they are.';

create function mailvault.reap(
    p_stale interval default '20 seconds',
    p_max_attempts integer default 3,
    p_limit integer default 1000
)
returns bigint
language plpgsql
set lock_timeout = '500ms'
as $$
declare
    v_keys text[];
    v_batches bigint[];
    v_attempts integer[];
    v_reasons text[];
    v_messages text[];
    v_cancelled bigint[];
    v_reaped bigint;
begin
    -- A worker that lives but was slow to say so takes its row back with its next heartbeat.
    update mailvault.worker as w
    set state = 'lost', held_reason = null, held_message = null, held_since = null
    where w.state not in ('stopped', 'lost') and w.heartbeat_at < now() - p_stale;

    -- The condition stands in the statement that deletes: a lease that was settled or claimed
    -- anew since it was looked at is another row. SKIP LOCKED passes by what is being settled. A
    -- worker whose row was lost in a failover has the time to enter itself again.
    with orphan as materialized (
        select l.job_id, l.token, l.deadline_at <= now() as late
        from mailvault.lease as l
        left join mailvault.worker as w on l.worker_id = w.id
        where
            l.deadline_at <= now()
            or w.state in ('stopped', 'lost')
            or (w.id is null and l.leased_at < now() - p_stale)
        order by l.job_id
        limit p_limit
        for update of l skip locked
    ),

    gone as (
        delete from mailvault.lease as l
        using orphan
        where l.job_id = orphan.job_id and l.token = orphan.token
        returning
            l.priority, l.job_id, l.batch_id, l.attempts, l.email_key, l.worker_id, l.cancelled,
            l.attempts < p_max_attempts as again,
            case when orphan.late then 'timeout' else 'worker_lost' end as reason,
            case
                when orphan.late then 'worker ' || l.worker_id || ' got no further with it'
                else 'worker ' || l.worker_id || ' ended without giving the job back'
            end as message
    ),

    noted as (
        insert into mailvault.failure (job_id, attempt, reason, message, worker_id)
        select gone.job_id, gone.attempts, gone.reason, gone.message, gone.worker_id from gone
    ),

    placed as (
        insert into mailvault.outbox (priority, job_id, batch_id, attempts, email_key)
        select gone.priority, gone.job_id, gone.batch_id, gone.attempts, gone.email_key
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
        count(*),
        array_agg(gone.email_key) filter (where not gone.again),
        array_agg(gone.batch_id) filter (where not gone.again),
        array_agg(gone.attempts) filter (where not gone.again),
        array_agg(gone.reason) filter (where not gone.again),
        array_agg(gone.message) filter (where not gone.again),
        array_agg(gone.job_id) filter (where gone.again and gone.cancelled)
    into v_reaped, v_keys, v_batches, v_attempts, v_reasons, v_messages, v_cancelled
    from gone;

    perform mailvault.mark_emails(v_keys, false, v_attempts, v_messages);

    perform mailvault.count_up(d.batch_id, p_dead => count(*), p_reason => d.reason)
    from unnest(v_batches, v_reasons) as d (batch_id, reason)
    group by d.batch_id, d.reason;
    perform mailvault.discard(v_cancelled);

    if v_reaped > 0 then
        perform mailvault.wake();
    end if;
    return v_reaped;
end
$$;

comment on function mailvault.reap is
'Takes back the leases of workers that are gone or past their deadline; returns how many.';
