-- What psql shows. All counts come from tallies and small tables, never from the size of the queue.

create view mailvault.progress as
with counted as (
    select
        t.batch_id,
        sum(t.processed)::bigint as processed,
        sum(t.dead)::bigint as failed,
        sum(t.delayed)::bigint as delayed,
        sum(t.parts)::bigint as parts,
        sum(t.bytes)::bigint as bytes,
        max(t.changed_at) as changed_at,
        sum(t.dispatched)::bigint as dispatched,
        sum(t.cancelled)::bigint as cancelled,
        sum(t.source_bytes)::bigint as moved_bytes
    from mailvault.tally as t
    group by t.batch_id
),

leased as (
    select l.batch_id, count(*) as leased
    from mailvault.lease as l
    group by l.batch_id
),

summed as (
    select
        b.id as batch,
        b.state,
        -- Less what was cancelled: it has no job any more, and there is nothing to do for it.
        greatest(b.total, b.dispatched) + coalesce(c.dispatched - c.cancelled, 0) as total,
        b.dispatched + coalesce(c.dispatched - c.cancelled, 0) as dispatched,
        coalesce(c.cancelled, 0) as cancelled,
        coalesce(c.processed, 0) as processed,
        coalesce(c.failed, 0) as failed,
        coalesce(c.processed + c.failed, 0) as done,
        coalesce(c.delayed, 0) as delayed,
        coalesce(l.leased, 0) as leased,
        coalesce(c.parts, 0) as parts,
        coalesce(c.bytes, 0) as bytes,
        b.created_at,
        b.started_at,
        c.changed_at,
        b.source_bytes,
        coalesce(c.moved_bytes, 0) as moved_bytes
    from mailvault.batch as b
    left join counted as c on b.id = c.batch_id
    left join leased as l on b.id = l.batch_id
    -- The application's own batch shows when it has used it.
    where b.id > 0 or c.dispatched > 0
),

timed as (
    select
        s.*,
        s.total = s.done and s.state not in ('enqueuing', 'cancelling') as finished,
        case when s.total = s.done then s.changed_at else now() end - s.started_at as elapsed,
        -- What failed for good is finished, and what it would have taken is not to come.
        (s.source_bytes * (1 - s.failed::float / nullif(s.total, 0)))::bigint
        - s.moved_bytes as bytes_left,
        p.seconds as pace_seconds,
        p.emails as pace_emails,
        p.bytes as pace_bytes,
        p.until > now() - interval '1 minute' as is_moving
    from summed as s
    left join
        lateral mailvault.pace(array[s.batch]) as p
        on s.total > s.done
)

select
    t.batch,
    case
        when t.state in ('enqueuing', 'cancelling', 'cancelled') then t.state
        when t.finished then 'finished'
        when t.started_at is null then 'waiting'
        else 'running'
    end as state,
    t.total,
    t.dispatched,
    t.processed,
    t.failed,
    t.total - t.done as remaining,
    t.dispatched - t.done - t.delayed - t.leased as ready,
    t.delayed,
    t.leased,
    t.parts,
    t.bytes,
    -- Cut and not rounded: 100 only when it is so.
    trunc(100.0 * t.done / nullif(t.total, 0), 2) as completion_pct,
    trunc(100.0 * t.processed / nullif(t.done, 0), 2) as success_pct,
    round(
        60 * case
            when t.finished then t.done / nullif(extract(epoch from t.elapsed), 0)
            when t.is_moving then (t.pace_emails / t.pace_seconds)::numeric
        end, 1
    ) as per_minute,
    t.created_at,
    t.started_at,
    t.changed_at,
    t.elapsed,
    make_interval(
        secs => round(
            mailvault.time_left(
                t.total - t.done, t.bytes_left, t.pace_seconds, t.pace_emails, t.pace_bytes
            )
        )
    ) as time_left,
    t.cancelled,
    t.source_bytes,
    t.bytes_left
from timed as t;

comment on view mailvault.progress is
'How far each batch is: exact counts, rate, and the time of work that is left.';

create view mailvault.queue as
select
    coalesce(sum(p.ready), 0)::bigint as ready,
    coalesce(sum(p.delayed), 0)::bigint as delayed,
    coalesce(sum(p.leased), 0)::bigint as leased,
    coalesce(sum(p.failed), 0)::bigint as dead
from mailvault.progress as p;

comment on view mailvault.queue is 'How many jobs are in each place, over all batches.';

create view mailvault.failures as
select
    d.job_id as job,
    j.email_key as email,
    d.batch_id as batch,
    d.reason,
    d.message,
    d.attempts,
    d.died_at
from mailvault.dead_letter as d
inner join mailvault.job as j on d.job_id = j.id
where d.cleared_at is null;

comment on view mailvault.failures is
'Dead letters with the email and the reason, but for those that were cleared.';

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

create view mailvault.workers as
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

create view mailvault.throughput as
with seen as (
    select s.batch_id, s.sampled_at, s.processed, s.dead, s.bytes
    from mailvault.sample as s
    where s.sampled_at >= date_trunc('minute', now()) - interval '1 day'
    union all
    -- And what the first of them is compared with.
    select b.id, e.sampled_at, e.processed, e.dead, e.bytes
    from mailvault.batch as b
    cross join
        lateral (
            select r.sampled_at, r.processed, r.dead, r.bytes
            from mailvault.sample as r
            where
                r.batch_id = b.id
                and r.sampled_at < date_trunc('minute', now()) - interval '1 day'
            order by r.sampled_at desc
            limit 1
        ) as e
),

minutes as (
    select
        s.batch_id,
        date_trunc('minute', s.sampled_at) as minute,
        max(s.processed) as processed,
        max(s.dead) as dead,
        max(s.bytes) as bytes
    from seen as s
    group by s.batch_id, date_trunc('minute', s.sampled_at)
),

compared as (
    select
        m.batch_id as batch,
        m.minute,
        m.processed - lag(m.processed, 1, 0::bigint) over w as processed,
        m.dead - lag(m.dead, 1, 0::bigint) over w as failed,
        m.bytes - lag(m.bytes, 1, 0::bigint) over w as bytes
    from minutes as m
    window w as (partition by m.batch_id order by m.minute)
)

select c.batch, c.minute, c.processed, c.failed, c.bytes
from compared as c
where c.minute >= date_trunc('minute', now()) - interval '1 day';

comment on view mailvault.throughput is
'Emails and bytes stored in each minute of the last day, of each batch.';

create view mailvault.objects as
select
    j.email_key as email,
    p.kind,
    p.part_key as part,
    o.key,
    o.size,
    encode(o.sha256, 'hex') as sha256,
    o.content_type,
    o.stored_at,
    p.job_id as job,
    o.etag,
    o.checksum,
    o.version_id,
    o.content_encoding,
    o.original_size,
    encode(o.original_sha256, 'hex') as original_sha256
from mailvault.part as p
inner join mailvault.job as j on p.job_id = j.id
inner join mailvault.object as o on p.object_key = o.key;

comment on view mailvault.objects is 'The ledger: where each part of each email is now.';

create function mailvault.shared_objects()
returns table (key text, size bigint, parts bigint, bytes_saved bigint)
language sql stable
as $$
select o.key, o.size, p.parts, o.size * (p.parts - 1)
from (
    select s.object_key, count(*) as parts
    from mailvault.part as s
    group by s.object_key
    having count(*) > 1
) as p
inner join mailvault.object as o on p.object_key = o.key;
$$;

comment on function mailvault.shared_objects is
'Objects that hold several parts, with their number: none may be deleted before the last of them. '
'No view, since it walks the whole ledger.';
