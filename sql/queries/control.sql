-- name: pause
select mailvault.pause(%(by)s, %(span)s::interval);

-- name: resume
select mailvault.resume(%(by)s);

-- name: paused
-- Since when, by whom, and until when (NULL: until somebody resumes); no row if nothing is paused.
select c.paused_at, c.paused_by, nullif(c.paused_until, 'infinity') as paused_until
from mailvault.control as c
where c.paused_until > now();

-- name: set_concurrency
select mailvault.set_concurrency(%(concurrency)s, %(by)s);

-- name: concurrency
select c.concurrency from mailvault.control as c;

-- name: stop_workers
select mailvault.stop_workers(%(by)s);

-- name: stopped_before
-- By the database's clock, as all that is said of when a command was started.
select extract(epoch from now() - c.stopped_at)::float as seconds
from mailvault.control as c;
