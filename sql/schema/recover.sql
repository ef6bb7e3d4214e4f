-- What keeps the queue going without anybody's help: heartbeats, the fold, the reaper, and retry.

create function mailvault.heartbeat(
    p_worker bigint,
    p_state text,
    p_in_flight integer,
    p_held_reason text default null,
    p_held_message text default null,
    p_renewal interval default null
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
    beats = w.beats + 1
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
        t.dispatched, t.cancelled
)

insert into mailvault.tally
(batch_id, processed, dead, delayed, parts, bytes, changed_at, dispatched, cancelled)
select
    gone.batch_id, sum(gone.processed), sum(gone.dead), sum(gone.delayed), sum(gone.parts),
    sum(gone.bytes), max(gone.changed_at), sum(gone.dispatched), sum(gone.cancelled)
from gone
group by gone.batch_id;
$$;

comment on function mailvault.fold is
'Puts up to p_limit rows of the tally together, one for each batch; the sums stay as they are.';

create function mailvault.reap(
    p_stale interval default '20 seconds',
    p_max_attempts integer default 3,
    p_limit integer default 1000
)
returns bigint
language plpgsql
set lock_timeout = '2s'
as $$
declare
    v_keys text[];
    v_batches bigint[];
    v_attempts integer[];
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
        array_agg(gone.message) filter (where not gone.again),
        array_agg(gone.job_id) filter (where gone.again and gone.cancelled)
    into v_reaped, v_keys, v_batches, v_attempts, v_messages, v_cancelled
    from gone;

    perform mailvault.mark_emails(v_keys, false, v_attempts, v_messages);

    perform mailvault.count_up(d.batch_id, p_dead => count(*))
    from unnest(v_batches) as d (batch_id)
    group by d.batch_id;
    perform mailvault.discard(v_cancelled);

    if v_reaped > 0 then
        perform mailvault.wake();
    end if;
    return v_reaped;
end
$$;

comment on function mailvault.reap is
'Takes back the leases of workers that are gone or past their deadline; returns how many.';

create function mailvault.retry(
    p_jobs bigint[] default null,
    p_reset boolean default false,
    p_limit bigint default null
)
returns bigint
language plpgsql
as $$
declare
    v_batches bigint[];
begin
    with chosen as materialized (
        select d.job_id
        from mailvault.dead_letter as d
        where p_jobs is null or d.job_id = any(p_jobs)
        order by d.job_id
        limit p_limit
        for update
    ),

    gone as (
        delete from mailvault.dead_letter as d
        where d.job_id = any(array(select chosen.job_id from chosen))
        returning d.job_id, d.batch_id, d.attempts
    ),

    placed as (
        insert into mailvault.outbox (priority, job_id, batch_id, attempts, email_key)
        select
            j.priority, gone.job_id, gone.batch_id,
            case when p_reset then 0 else gone.attempts end, j.email_key
        from gone
        cross join
            lateral (
                select k.priority, k.email_key
                from mailvault.job as k
                where k.id = gone.job_id
                limit 1  -- keeps it one look-up for each row, and no join over the table
            ) as j
    )

    select array_agg(gone.batch_id) into v_batches from gone;

    perform mailvault.count_up(d.batch_id, p_dead => -count(*))
    from unnest(v_batches) as d (batch_id)
    group by d.batch_id;
    perform mailvault.wake();
    return coalesce(cardinality(v_batches), 0);
end
$$;

comment on function mailvault.retry is
'Sends dead letters back to the outbox, for one more attempt or, with p_reset, for all again.';
