-- Counts are added as rows and folded, instead of updating sixteen rows of each batch: no ack waits
-- for another's, and none walks the versions that an old snapshot keeps.

alter table mailvault.tally drop constraint tally_pkey;
alter table mailvault.tally drop column shard;
alter table mailvault.tally add dispatched bigint not null default 0;
alter table mailvault.tally add cancelled bigint not null default 0;
alter table mailvault.tally reset (fillfactor);
alter table mailvault.tally set (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

comment on table mailvault.tally is
'Counts per batch, written in the transaction that changes them; the sum of a batch is exact.';
comment on column mailvault.tally.dispatched is 'Emails that the application dispatched itself.';
comment on column mailvault.tally.cancelled is 'Jobs that were taken back from the queue.';

drop function mailvault.count_up(bigint, integer, bigint, bigint, bigint, bigint, bigint);
drop function mailvault.ack(
    bigint, bigint[], uuid[], bigint[], text[], text[], text[], bigint[], bytea[], text[], text[]
);

create function mailvault.count_up(
    p_batch bigint,
    p_processed bigint default 0,
    p_dead bigint default 0,
    p_delayed bigint default 0,
    p_parts bigint default 0,
    p_bytes bigint default 0,
    p_dispatched bigint default 0,
    p_cancelled bigint default 0
)
returns void
language sql
as $$
insert into mailvault.tally
(batch_id, processed, dead, delayed, parts, bytes, dispatched, cancelled)
values
(p_batch, p_processed, p_dead, p_delayed, p_parts, p_bytes, p_dispatched, p_cancelled);
$$;

comment on function mailvault.count_up is 'Adds to a batch''s tally.';

create function mailvault.fold(p_limit integer default 10000)
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
        t.dispatched, t.cancelled
)

insert into mailvault.tally
(batch_id, processed, dead, delayed, parts, bytes, changed_at, dispatched, cancelled)
select
    gone.batch_id, sum(gone.processed), sum(gone.dead), sum(gone.delayed), sum(gone.parts),
    sum(gone.bytes), max(gone.changed_at), sum(gone.dispatched), sum(gone.cancelled)
from gone
group by gone.batch_id;
$$;

comment on function mailvault.fold is
'Puts up to p_limit rows of the tally together, one for each batch; the sums stay as they are.';

create function mailvault.ack(
    p_jobs bigint[],
    p_tokens uuid[],
    p_part_jobs bigint[],
    p_kinds text[],
    p_part_keys text[],
    p_object_keys text[],
    p_sizes bigint[],
    p_sha256s bytea[],
    p_etags text[],
    p_content_types text[]
)
returns bigint[]
language plpgsql
-- Plans are kept, and a table that was empty when one was made may be large by now.
set enable_seqscan = off
-- A row that the application has locked must not keep the other emails waiting.
set lock_timeout = '2s'
as $$
declare
    v_jobs bigint[];
    v_batches bigint[];
    v_attempts integer[];
    v_differing text;
begin
    with gone as (
        delete from mailvault.lease as l
        using unnest(p_jobs, p_tokens) as held (job_id, token)
        where l.job_id = held.job_id and l.token = held.token
        returning l.job_id, l.batch_id, l.attempts
    )

    select
        coalesce(array_agg(gone.job_id order by gone.job_id), '{}'),
        array_agg(gone.batch_id order by gone.job_id),
        array_agg(gone.attempts order by gone.job_id)
    into v_jobs, v_batches, v_attempts
    from gone;

    if cardinality(p_part_jobs) > 0 then
        insert into mailvault.object as o (key, size, sha256, etag, content_type)
        select distinct on (p.object_key) p.object_key, p.size, p.sha256, p.etag, p.content_type
        from unnest(p_part_jobs, p_object_keys, p_sizes, p_sha256s, p_etags, p_content_types)
            as p (job_id, object_key, size, sha256, etag, content_type)
        where p.job_id = any(v_jobs)
        order by p.object_key
        on conflict (key) do nothing;

        -- The store never replaces an object, so a ledger that says otherwise is of another bucket.
        select p.object_key into v_differing
        from unnest(p_part_jobs, p_object_keys, p_sha256s) as p (job_id, object_key, sha256)
        where
            p.job_id = any(v_jobs)
            and p.sha256 <> (select o.sha256 from mailvault.object as o where o.key = p.object_key)
        limit 1;
        if found then
            raise exception 'object % is in the ledger with another digest', v_differing
            using errcode = 'data_corrupted', hint = 'Is this the bucket that the ledger is about?';
        end if;

        -- A job that was retried after a crash may have recorded a part already.
        insert into mailvault.part (job_id, kind, part_key, object_key)
        select p.job_id, p.kind, p.part_key, p.object_key
        from unnest(p_part_jobs, p_kinds, p_part_keys, p_object_keys)
            as p (job_id, kind, part_key, object_key)
        where p.job_id = any(v_jobs)
        on conflict (job_id, kind, part_key) do update set object_key = excluded.object_key;

        perform mailvault.source_mark_parts(
            array_agg(p.kind), array_agg(p.part_key), array_agg(p.object_key)
        )
        from unnest(p_part_jobs, p_kinds, p_part_keys, p_object_keys)
            as p (job_id, kind, part_key, object_key)
        where p.job_id = any(v_jobs);
    end if;

    perform mailvault.mark_emails(v_jobs, true, v_attempts);

    perform mailvault.count_up(
        d.batch_id,
        p_processed => count(*),
        p_parts => sum(coalesce(p.parts, 0))::bigint,
        p_bytes => sum(coalesce(p.bytes, 0))::bigint
    )
    from unnest(v_jobs, v_batches) as d (job_id, batch_id)
    left join (
        select s.job_id, count(*) as parts, sum(s.size) as bytes
        from unnest(p_part_jobs, p_sizes) as s (job_id, size)
        group by s.job_id
    ) as p on d.job_id = p.job_id
    group by d.batch_id;

    return v_jobs;
end
$$;

comment on function mailvault.ack is
'Ends leases of stored emails: records objects and parts, marks the source; returns the jobs.';
