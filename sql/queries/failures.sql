-- name: list
select f.job, f.email, f.batch, f.reason, f.message, f.attempts, f.died_at
from mailvault.failures as f
where
    (%(reason)s::text is null or f.reason = %(reason)s)
    and (%(batch)s::bigint is null or f.batch = %(batch)s)
order by f.job
limit %(limit)s::bigint;

-- name: count
-- Of those that are listed, and of those that were cleared; and when that was so.
select
    coalesce(sum(t.dead - t.cleared), 0)::bigint as listed,
    coalesce(sum(t.cleared), 0)::bigint as cleared,
    now() as counted_at
from mailvault.tally as t
where
    (%(reason)s::text is null or t.reason = %(reason)s)
    and (%(batch)s::bigint is null or t.batch_id = %(batch)s);

-- name: retry
select mailvault.retry(
    %(jobs)s::bigint[], %(reset)s, %(limit)s::bigint, %(reason)s, %(batch)s::bigint, %(by)s
);

-- name: clear
select mailvault.clear(
    %(jobs)s::bigint[], %(reason)s, %(batch)s::bigint, %(by)s, %(until)s::timestamptz
);

-- name: count_jobs
-- The same, of some jobs.
select
    count(*) filter (where d.cleared_at is null) as listed,
    count(d.cleared_at) as cleared,
    now() as counted_at
from mailvault.dead_letter as d
where d.job_id = any(%(jobs)s::bigint[]);

-- name: job
-- Where a job is now. What was cancelled has no job any more.
select
    j.id as job,
    j.email_key as email,
    j.batch_id as batch,
    case
        when l.job_id is not null then 'in hand'
        when o.job_id is not null then 'ready'
        when w.job_id is not null then 'delayed'
        when d.cleared_at is not null then 'cleared'
        when d.job_id is not null then 'failed'
        else 'stored'
    end as state,
    d.reason,
    coalesce(l.leased_at, d.cleared_at, d.died_at) as since,
    w.due_at as until,
    coalesce('worker ' || l.worker_id, d.cleared_by) as by
from mailvault.job as j
left join mailvault.lease as l on j.id = l.job_id
left join mailvault.outbox as o on j.priority = o.priority and j.id = o.job_id
left join mailvault.delayed as w on j.id = w.job_id
left join mailvault.dead_letter as d on j.id = d.job_id
where j.id = %(job)s::bigint;

-- name: attempts
select
    f.attempt,
    f.failed_at,
    f.worker_id as worker,
    w.host,
    f.reason,
    f.message
from mailvault.failure as f
left join mailvault.worker as w on f.worker_id = w.id
where f.job_id = %(job)s::bigint
order by f.id;
