-- name: register
insert into mailvault.worker (host, pid, concurrency, uploader, uploader_reason, commanded_at)
values (
    %(host)s, %(pid)s, %(concurrency)s, %(uploader)s, %(uploader_reason)s,
    now() - %(commanded)s::interval
)
returning id;

-- name: register_again
-- The database lost the row; the worker's leases and the log name this id.
insert into mailvault.worker
(id, host, pid, concurrency, uploader, uploader_reason, commanded_at)
values (
    %(worker)s, %(host)s, %(pid)s, %(concurrency)s, %(uploader)s, %(uploader_reason)s,
    now() - %(commanded)s::interval
)
on conflict (id) do nothing;

-- name: claim
select job_id, email_key, attempt, priority, batch_id
from mailvault.claim(%(worker)s, %(limit)s, %(timeout)s, %(after)s, %(token)s::uuid);

-- name: ack
select mailvault.ack(
    %(jobs)s::bigint[], %(tokens)s::uuid[],
    %(part_leases)s::integer[], %(kinds)s::text[], %(part_keys)s::text[],
    %(object_keys)s::text[], %(sizes)s::bigint[], %(sha256s)s::bytea[], %(etags)s::text[],
    %(content_types)s::text[], %(checksums)s::text[], %(version_ids)s::text[],
    %(content_encodings)s::text[], %(original_sizes)s::bigint[], %(original_sha256s)s::bytea[]
)::text;

-- name: nack
select mailvault.nack(
    %(worker)s, %(jobs)s::bigint[], %(tokens)s::uuid[], %(reasons)s, %(messages)s, %(retryable)s,
    %(max_attempts)s, %(delay)s
)::text;

-- name: release
select mailvault.release(%(jobs)s::bigint[], %(tokens)s::uuid[])::text;

-- name: release_strays
-- Gives back what this worker holds without knowing.
select mailvault.release(array_agg(l.job_id), array_agg(l.token))::text
from mailvault.lease as l
where
    l.worker_id = %(worker)s
    and (l.job_id, l.token) not in (
        select held.job_id, held.token
        from unnest(%(jobs)s::bigint[], %(tokens)s::uuid[]) as held (job_id, token)
    );

-- name: heartbeat
select mailvault.heartbeat(
    %(worker)s, %(state)s, %(in_flight)s, %(held_reason)s, %(held_message)s, %(renewal)s,
    %(processed)s, %(failed)s, %(memory)s
);

-- name: reap
select mailvault.reap(%(stale)s, %(max_attempts)s);

-- name: fold
select mailvault.fold();

-- name: orders
select paused, cancelled, stop, concurrency from mailvault.orders(%(worker)s);

-- name: stored
-- Which of some keys are in the ledger.
select o.key
from mailvault.object as o
where o.key = any(%(keys)s::text[]);

-- name: absorb
select mailvault.absorb(%(limit)s);

-- name: enlist
select mailvault.enlist(%(every)s);

-- name: signals
-- How the server is. What roles without pg_monitor may not see is NULL, or not counted.
select
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as position,
    (
        select min(pg_wal_lsn_diff(r.replay_lsn, '0/0'))::bigint
        from pg_stat_replication as r
        -- One that is catching up, or a backup, says nothing of those that are read from.
        where r.state = 'streaming' and r.replay_lsn is not null
    ) as replayed,
    (
        select count(*)
        from pg_stat_activity as a
        where
            a.state = 'active'
            and a.backend_type = 'client backend'
            and a.application_name <> 'mailvault'
    ) as active_sessions;

-- name: archive_backlog
select count(*)
from pg_ls_archive_statusdir() as f
where f.name like '%%.ready';

-- name: is_drained
-- Nothing is ready, nothing waits for another attempt, and nobody has anything in hand.
select
    not exists (select from mailvault.outbox)
    and not exists (select from mailvault.delayed)
    and not exists (select from mailvault.lease)
    and not exists (select from mailvault.change);

-- name: listen
listen mailvault;

-- name: unlisten
unlisten mailvault;
