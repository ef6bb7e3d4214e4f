-- name: living
-- Those that live, on one machine or on all.
select
    w.id as worker,
    w.host,
    w.pid,
    w.state,
    w.in_flight,
    w.concurrency,
    w.processed,
    w.failed,
    w.memory,
    w.started_at,
    extract(epoch from now() - w.started_at)::float as up_s,
    extract(epoch from now() - w.heartbeat_at)::float as heartbeat_age_s,
    w.beats,
    w.held_reason,
    w.held_message,
    w.held_since,
    w.uploader,
    w.uploader_reason
from mailvault.worker as w
where
    w.state not in ('stopped', 'lost')
    and (%(host)s::text is null or w.host = %(host)s)
order by w.host, w.started_at, w.id;

-- name: told_to_stop
-- Those that run although all were told to end; one that is not heard of any more is dead.
select w.host, w.pid
from mailvault.worker as w
where
    w.state not in ('stopped', 'lost')
    and w.commanded_at < (select c.stopped_at from mailvault.control as c)
    and w.heartbeat_at > now() - %(stale)s::interval
order by w.host, w.pid;
