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
        sum(t.cancelled)::bigint as cancelled
    from mailvault.tally as t
    group by t.batch_id
),

leased as (
    select l.batch_id, count(*) as leased
    from mailvault.lease as l
    group by l.batch_id
),

-- The last minute of work: none where nothing has moved for that long.
window_of as (
    select
        b.id as batch_id,
        newest.sampled_at - oldest.sampled_at as span,
        newest.processed + newest.dead - oldest.processed - oldest.dead as emails
    from mailvault.batch as b
    cross join
        lateral (
            select s.sampled_at, s.processed, s.dead
            from mailvault.sample as s
            where s.batch_id = b.id and s.sampled_at > now() - interval '1 minute'
            order by s.sampled_at desc
            limit 1
        ) as newest
    cross join
        lateral (
            select s.sampled_at, s.processed, s.dead
            from mailvault.sample as s
            where s.batch_id = b.id and s.sampled_at >= newest.sampled_at - interval '1 minute'
            order by s.sampled_at
            limit 1
        ) as oldest
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
        w.emails / nullif(extract(epoch from w.span), 0) as recent_rate
    from mailvault.batch as b
    left join counted as c on b.id = c.batch_id
    left join leased as l on b.id = l.batch_id
    left join window_of as w on b.id = w.batch_id
    -- The application's own batch shows when it has used it.
    where b.id > 0 or c.dispatched > 0
),

timed as (
    select
        s.*,
        s.total = s.done and s.state not in ('enqueuing', 'cancelling') as finished,
        case when s.total = s.done then s.changed_at else now() end - s.started_at as elapsed
    from summed as s
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
            else t.recent_rate
        end, 1
    ) as per_minute,
    t.created_at,
    t.started_at,
    t.changed_at,
    t.elapsed,
    case
        when not t.finished
            then make_interval(secs => round((t.total - t.done) / nullif(t.recent_rate, 0))::float)
    end as time_left,
    t.cancelled
from timed as t;

comment on view mailvault.progress is 'How far each batch is: exact counts, rate, and time left.';

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
inner join mailvault.job as j on d.job_id = j.id;

comment on view mailvault.failures is 'Dead letters with the email and the reason.';

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
    extract(epoch from now() - w.heartbeat_at)::float as heartbeat_age_s
from mailvault.worker as w
where w.state not in ('stopped', 'lost') or w.heartbeat_at > now() - interval '1 hour';

comment on view mailvault.workers is 'Workers that live, and those that ended within the hour.';

create view mailvault.throughput as
with minutes as (
    select
        s.batch_id,
        date_trunc('minute', s.sampled_at) as minute,
        max(s.processed) as processed,
        max(s.dead) as dead,
        max(s.bytes) as bytes
    from mailvault.sample as s
    group by s.batch_id, date_trunc('minute', s.sampled_at)
)

select
    m.batch_id as batch,
    m.minute,
    m.processed - lag(m.processed, 1, 0::bigint) over w as processed,
    m.dead - lag(m.dead, 1, 0::bigint) over w as failed,
    m.bytes - lag(m.bytes, 1, 0::bigint) over w as bytes
from minutes as m
window w as (partition by m.batch_id order by m.minute);

comment on view mailvault.throughput is 'Emails and bytes stored in each minute of each batch.';

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

create view mailvault.shared_objects as
select
    o.key,
    o.size,
    p.parts,
    o.size * (p.parts - 1) as bytes_saved
from (
    select
        s.object_key,
        count(*) as parts
    from mailvault.part as s
    group by s.object_key
    having count(*) > 1
) as p
inner join mailvault.object as o on p.object_key = o.key;

comment on view mailvault.shared_objects is
'Objects that hold several parts, with their number: none may be deleted before the last of them.';
