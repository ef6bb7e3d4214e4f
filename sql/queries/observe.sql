-- name: summary
-- One batch, or all of them as one.
with summed as (
    select
        case when count(*) = 1 then min(p.batch) end as id,
        count(*) as batches,
        bool_or(p.state = 'enqueuing') as enqueuing,
        bool_or(p.state = 'cancelling') as cancelling,
        bool_and(p.state = 'cancelled') as cancelled,
        bool_and(p.state in ('finished', 'cancelled')) as finished,
        bool_or(p.started_at is not null) as started,
        sum(p.total)::bigint as total,
        sum(p.dispatched)::bigint as dispatched,
        sum(p.processed)::bigint as processed,
        sum(p.failed)::bigint as failed,
        sum(p.remaining)::bigint as remaining,
        sum(p.ready)::bigint as ready,
        sum(p.delayed)::bigint as delayed,
        sum(p.leased)::bigint as leased,
        sum(p.parts)::bigint as parts,
        sum(p.bytes)::bigint as bytes,
        sum(p.per_minute) filter (where p.state <> 'finished') as per_minute,
        max(p.changed_at) as changed_at,
        min(p.started_at) as started_at
    from mailvault.progress as p
    where %(batch)s::bigint is null or p.batch = %(batch)s
),

timed as (
    select
        s.*,
        extract(
            epoch from case when s.finished then s.changed_at else now() end - s.started_at
        ) as elapsed_s
    from summed as s
)

select
    t.id,
    t.batches,
    case
        when t.enqueuing then 'enqueuing'
        when t.cancelling then 'cancelling'
        when t.cancelled then 'cancelled'
        when t.finished then 'finished'
        when t.started then 'running'
        else 'waiting'
    end as state,
    t.total,
    t.dispatched,
    t.processed,
    t.failed,
    t.remaining,
    t.ready,
    t.delayed,
    t.leased,
    t.parts,
    t.bytes,
    trunc(100.0 * (t.processed + t.failed) / nullif(t.total, 0), 2)::float as completion_pct,
    trunc(100.0 * t.processed / nullif(t.processed + t.failed, 0), 2)::float as success_pct,
    case
        when t.finished then 60 * (t.processed + t.failed) / nullif(t.elapsed_s, 0)
        else t.per_minute
    end::float as rate_per_min,
    t.elapsed_s::float as elapsed_s,
    t.remaining = 0 as is_due,
    t.changed_at < now() - interval '1 minute' as is_stalled,
    (60 * t.remaining / nullif(t.per_minute, 0))::float as eta_s,
    now() + make_interval(secs => (60 * t.remaining / nullif(t.per_minute, 0))::float) as eta_at,
    now() as generated_at
from timed as t
where t.batches > 0;

-- name: workers
select
    w.worker as id, w.host, w.pid, w.state, w.in_flight, w.heartbeat_age_s, w.uploader,
    w.uploader_reason, w.held_reason, w.held_message, w.held_since
from mailvault.workers as w
where w.state not in ('stopped', 'lost')
order by w.started_at, w.worker;

-- name: reasons
-- Dead letters by reason, with the oldest of each as its example.
with grouped as (
    select
        d.reason,
        count(*) as count,
        min(d.job_id) as oldest
    from mailvault.dead_letter as d
    where %(batch)s::bigint is null or d.batch_id = %(batch)s
    group by d.reason
)

select g.reason, g.count, f.message, f.email
from grouped as g
inner join mailvault.failures as f on g.oldest = f.job
order by g.count desc, g.reason asc;
