-- name: list
select f.job, f.email, f.batch, f.reason, f.message, f.attempts, f.died_at
from mailvault.failures as f
order by f.job
limit %(limit)s::bigint;

-- name: count
select count(*) from mailvault.dead_letter;

-- name: retry
select mailvault.retry(%(jobs)s::bigint[], %(reset)s, %(limit)s::bigint);
