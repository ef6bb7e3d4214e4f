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
        sum(p.bytes_left) filter (where p.remaining > 0)::bigint as bytes_left,
        coalesce(bool_and(p.bytes_left is not null) filter (where p.remaining > 0), false)
            as is_measured,
        -- One that has just ended tells how fast the next one goes.
        array_agg(p.batch) filter (
            where p.remaining > 0 or p.changed_at > now() - interval '20 minutes'
        ) as recent,
        max(p.changed_at) as changed_at,
        min(p.started_at) as started_at
    from mailvault.progress as p
    where %(batch)s::bigint is null or p.batch = %(batch)s
),

timed as (
    select
        s.*,
        p.emails / p.seconds as rate,
        coalesce(p.until > now() - interval '1 minute', false) as is_moving,
        p.spread,
        extract(
            epoch from case when s.finished then s.changed_at else now() end - s.started_at
        ) as elapsed_s,
        mailvault.time_left(
            s.remaining, case when s.is_measured then s.bytes_left end, p.seconds, p.emails,
            p.bytes
        ) as eta_s
    from summed as s
    left join lateral mailvault.pace(s.recent) as p on true
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
        when t.is_moving then 60 * t.rate
    end::float as rate_per_min,
    60 * (t.processed + t.failed) / nullif(t.elapsed_s, 0)::float as average_per_min,
    t.elapsed_s::float as elapsed_s,
    t.remaining = 0 as is_due,
    -- What takes longer than a minute each is not stalled before it has taken five times as long.
    t.changed_at < now() - greatest(
        interval '1 minute', make_interval(secs => 5 / nullif(t.rate, 0))
    ) as is_stalled,
    t.eta_s,
    -- Twice the standard error, and never narrower than what nobody can know.
    t.eta_s / (1 + greatest(0.05, 2 * t.spread)) as eta_low_s,
    t.eta_s / (1 - least(greatest(0.05, 2 * t.spread), 0.75)) as eta_high_s,
    now() + make_interval(secs => t.eta_s) as eta_at,
    now() as generated_at
from timed as t
where t.batches > 0;

-- name: reasons
-- Why emails failed for good, with the first of each batch and then of each reason as its example.
select
    r.reason,
    sum(r.letters)::bigint as count,
    (array_agg(r.example_job order by r.batch))[1] as job,
    (array_agg(r.example_email order by r.batch))[1] as email,
    (array_agg(r.example_message order by r.batch))[1] as message
from mailvault.failure_reasons as r
where %(batch)s::bigint is null or r.batch = %(batch)s
group by r.reason
order by count desc, r.reason asc;

-- name: chart
-- Emails a second in each of the latest spans of 15 seconds; spans of which nothing is known are
-- missing.
with step as (
    select
        b.id as batch,
        date_bin('15 seconds', s.taken_at, timestamptz '2000-01-01 00:00:00+00') as span,
        s.processed + s.dead - lag(s.processed + s.dead) over w as emails,
        extract(epoch from s.taken_at - lag(s.taken_at) over w) as seconds
    from mailvault.batch as b
    cross join
        lateral (
            select r.batch_id, r.sampled_at, r.taken_at, r.processed, r.dead
            from mailvault.sample as r
            where
                r.batch_id = b.id
                and r.sampled_at > now() - make_interval(secs => 15 * %(spans)s + 20)
        ) as s
    where %(batch)s::bigint is null or b.id = %(batch)s::bigint
    window w as (partition by s.batch_id order by s.sampled_at)
)

select
    extract(epoch from now() - s.span)::integer / 15 as spans_ago,
    greatest(sum(s.per_second), 0)::float as per_second
from (
    select
        p.span,
        sum(p.emails) / sum(p.seconds) as per_second
    from step as p
    where p.seconds <= 20
    group by p.batch, p.span
) as s
group by s.span
order by spans_ago;

-- name: slowest
-- Emails that are in hand for the longest time.
select
    l.job_id as job,
    l.email_key as email,
    l.attempts as attempt,
    l.worker_id as worker,
    extract(epoch from now() - l.leased_at)::float as seconds
from mailvault.lease as l
where
    l.leased_at < now() - %(longer)s::interval
    and (%(batch)s::bigint is null or l.batch_id = %(batch)s)
order by l.leased_at
limit %(limit)s;

-- name: failing
-- Of the latest attempts, those that failed in the last minutes, by reason.
select
    f.reason,
    count(*) as attempts,
    (array_agg(f.message order by f.id desc))[1] as message,
    extract(epoch from now() - max(f.failed_at))::float as seconds_ago
from (
    select r.id, r.reason, r.message, r.failed_at
    from mailvault.failure as r
    order by r.id desc
    limit 1000
) as f
where f.failed_at > now() - interval '5 minutes'
group by f.reason
order by attempts desc, f.reason asc
limit %(limit)s;
