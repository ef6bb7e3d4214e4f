-- Failures counted by their reasons as they come, and less those that an operator has cleared.

alter table mailvault.dead_letter
add column cleared_at timestamptz,
add column cleared_by text,
add check ((cleared_at is null) = (cleared_by is null));
comment on column mailvault.dead_letter.cleared_at is
'Since when it is no longer listed: its email stays where it is.';
comment on column mailvault.dead_letter.cleared_by is 'Who decided so.';

-- An example of each reason is found without a walk over all of them.
create index dead_letter_reason on mailvault.dead_letter (batch_id, reason, job_id)
where cleared_at is null;

alter table mailvault.tally
add column reason text,
add column cleared bigint not null default 0;
comment on column mailvault.tally.reason is 'Of dead letters: why. NULL where none is counted.';
comment on column mailvault.tally.cleared is 'Of the dead letters: those that are cleared.';

-- What was counted without a reason so far.
insert into mailvault.tally (batch_id, reason, dead, changed_at)
select d.batch_id, d.reason, count(*) as dead, max(d.died_at) as changed_at
from mailvault.dead_letter as d
group by d.batch_id, d.reason
union all
select d.batch_id, null as reason, -count(*) as dead, max(d.died_at) as changed_at
from mailvault.dead_letter as d
group by d.batch_id;

drop function mailvault.count_up(bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint);

create function mailvault.count_up(
    p_batch bigint,
    p_processed bigint default 0,
    p_dead bigint default 0,
    p_delayed bigint default 0,
    p_parts bigint default 0,
    p_bytes bigint default 0,
    p_dispatched bigint default 0,
    p_cancelled bigint default 0,
    p_reason text default null,
    p_cleared bigint default 0
)
returns void
language sql
as $$
insert into mailvault.tally (
    batch_id, processed, dead, delayed, parts, bytes, dispatched, cancelled, reason, cleared
)
values (
    p_batch, p_processed, p_dead, p_delayed, p_parts, p_bytes, p_dispatched, p_cancelled, p_reason,
    p_cleared
);
$$;

comment on function mailvault.count_up is 'Adds to a batch''s tally.';

create or replace function mailvault.fold(p_limit integer default 10000)
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
        t.dispatched, t.cancelled, t.reason, t.cleared
)

insert into mailvault.tally (
    batch_id, processed, dead, delayed, parts, bytes, changed_at, dispatched, cancelled, reason,
    cleared
)
select
    gone.batch_id, sum(gone.processed), sum(gone.dead), sum(gone.delayed), sum(gone.parts),
    sum(gone.bytes), max(gone.changed_at), sum(gone.dispatched), sum(gone.cancelled), gone.reason,
    sum(gone.cleared)
from gone
group by gone.batch_id, gone.reason;
$$;

comment on function mailvault.fold is
'Puts up to p_limit rows of the tally together, one for each batch and reason; the sums stay as '
'they are.';

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
    v_keys text[];
    v_reasons text[];
    v_messages text[];
    v_again boolean[];
    v_cancelled bigint[];
begin
    with gone as materialized (
        select
            l.priority, l.job_id, l.batch_id, l.attempts, l.email_key, l.cancelled,
            p_reasons[l.place] as reason,
            p_messages[l.place] as message,
            p_retryable[l.place] and l.attempts < p_max_attempts as again
        from mailvault.end_leases(p_jobs, p_tokens) as l
    ),

    noted as (
        insert into mailvault.failure (job_id, attempt, reason, message, worker_id)
        select gone.job_id, gone.attempts, gone.reason, gone.message, p_worker from gone
    ),

    -- Exponential backoff with full jitter, so that those that failed together do not return so.
    postponed as (
        insert into mailvault.delayed (priority, job_id, batch_id, attempts, email_key, due_at)
        select
            gone.priority, gone.job_id, gone.batch_id, gone.attempts, gone.email_key,
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
        coalesce(array_agg(gone.job_id), '{}'),
        array_agg(gone.batch_id),
        array_agg(gone.attempts),
        array_agg(gone.email_key),
        array_agg(gone.reason),
        array_agg(gone.message),
        array_agg(gone.again),
        array_agg(gone.job_id) filter (where gone.again and gone.cancelled)
    into v_jobs, v_batches, v_attempts, v_keys, v_reasons, v_messages, v_again, v_cancelled
    from gone;

    perform mailvault.mark_emails(v_keys, false, v_attempts, v_messages);

    perform mailvault.count_up(
        d.batch_id,
        p_dead => count(*) filter (where not d.again),
        p_delayed => count(*) filter (where d.again),
        p_reason => d.reason
    )
    from (
        select u.job_id, u.batch_id, u.again, case when not u.again then u.reason end as reason
        from unnest(v_jobs, v_batches, v_again, v_reasons) as u (job_id, batch_id, again, reason)
    ) as d
    where d.job_id <> all(coalesce(v_cancelled, '{}'))
    group by d.batch_id, d.reason;
    perform mailvault.discard(v_cancelled);

    return v_jobs;
end
$$;

comment on function mailvault.nack is
'Ends leases whose attempt failed: another one after a delay, or a dead letter; returns the jobs.';

create or replace function mailvault.reap(
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

create view mailvault.failure_reasons as
select
    c.batch_id as batch,
    c.reason,
    c.letters,
    e.job_id as example_job,
    j.email_key as example_email,
    e.message as example_message
from (
    select
        t.batch_id,
        t.reason,
        sum(t.dead - t.cleared)::bigint as letters
    from mailvault.tally as t
    where t.reason is not null
    group by t.batch_id, t.reason
    having sum(t.dead - t.cleared) > 0
) as c
cross join
    lateral (
        select d.job_id, d.message
        from mailvault.dead_letter as d
        where d.batch_id = c.batch_id and d.reason = c.reason and d.cleared_at is null
        order by d.job_id
        limit 1
    ) as e
inner join mailvault.job as j on e.job_id = j.id;

comment on view mailvault.failure_reasons is
'Why emails of each batch failed for good: how many for each reason, with the first as an example.';
