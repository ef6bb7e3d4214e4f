-- How much time is left, from the latest seconds of work: by emails and, where they were measured,
-- by bytes; without the time in which nobody worked.

alter table mailvault.batch add column source_bytes bigint check (source_bytes >= 0);
comment on column mailvault.batch.source_bytes is
'Bytes of its bodies and attachments, where they were measured.';

alter table mailvault.tally add column source_bytes bigint not null default 0;
comment on column mailvault.tally.source_bytes is 'Bytes stored, before they were compressed.';

alter table mailvault.sample
add column taken_at timestamptz not null default now(),
add column source_bytes bigint not null default 0,
add column working integer not null default 1;
update mailvault.sample as s set taken_at = s.sampled_at;
comment on column mailvault.sample.taken_at is 'When, to the microsecond.';
comment on column mailvault.sample.source_bytes is 'Bytes stored, before they were compressed.';
comment on column mailvault.sample.working is
'Workers that were neither held nor paused nor idle: time without any is none of the work''s.';

drop function mailvault.count_up(
    bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, text, bigint
);

create function mailvault.count_up(
    p_batch bigint,
    p_processed bigint default 0,
    p_dead bigint default 0,
    p_delayed bigint default 0,
    p_parts bigint default 0,
    p_bytes bigint default 0,
    p_dispatched bigint default 0,
    p_cancelled bigint default 0,
    p_reason text default null,
    p_cleared bigint default 0,
    p_source_bytes bigint default 0
)
returns void
language sql
as $$
insert into mailvault.tally (
    batch_id, processed, dead, delayed, parts, bytes, dispatched, cancelled, reason, cleared,
    source_bytes
)
values (
    p_batch, p_processed, p_dead, p_delayed, p_parts, p_bytes, p_dispatched, p_cancelled, p_reason,
    p_cleared, p_source_bytes
);
$$;

comment on function mailvault.count_up is 'Adds to a batch''s tally.';

create function mailvault.thin()
returns void
language sql
as $$
-- Those of twenty minutes are what the pace is told by. What follows them is looked at again and
-- again, until it has become the last sample of its minute or is gone.
delete from mailvault.sample as s
using (
    select
        r.batch_id,
        r.sampled_at,
        lead(r.sampled_at) over (partition by r.batch_id order by r.sampled_at) as next_at
    from (
        select t.batch_id
        from mailvault.tally as t
        group by t.batch_id
        having max(t.changed_at) > now() - interval '1 minute'
    ) as b
    cross join
        lateral (
            select o.batch_id, o.sampled_at
            from mailvault.sample as o
            where o.batch_id = b.batch_id
            order by o.sampled_at desc
            limit 120 offset 240
        ) as r
) as old
where
    s.batch_id = old.batch_id
    and s.sampled_at = old.sampled_at
    and date_trunc('minute', old.next_at) = date_trunc('minute', old.sampled_at);
$$;

comment on function mailvault.thin is
'Keeps one sample a minute of what is older than the latest twenty minutes of samples.';

create or replace function mailvault.fold(p_limit integer default 10000)
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
        t.dispatched, t.cancelled, t.reason, t.cleared, t.source_bytes
)

insert into mailvault.tally (
    batch_id, processed, dead, delayed, parts, bytes, changed_at, dispatched, cancelled, reason,
    cleared, source_bytes
)
select
    gone.batch_id, sum(gone.processed), sum(gone.dead), sum(gone.delayed), sum(gone.parts),
    sum(gone.bytes), max(gone.changed_at), sum(gone.dispatched), sum(gone.cancelled), gone.reason,
    sum(gone.cleared), sum(gone.source_bytes)
from gone
group by gone.batch_id, gone.reason;

select mailvault.thin();
$$;

comment on function mailvault.fold is
'Puts up to p_limit rows of the tally together, one for each batch and reason; the sums stay as '
'they are.';

create or replace function mailvault.heartbeat(
    p_worker bigint,
    p_state text,
    p_in_flight integer,
    p_held_reason text default null,
    p_held_message text default null,
    p_renewal interval default null,
    p_processed bigint default null,
    p_failed bigint default null,
    p_memory bigint default null
)
returns bigint
language sql
as $$
update mailvault.worker as w set
    state = p_state,
    in_flight = p_in_flight,
    held_reason = p_held_reason,
    held_message = p_held_message,
    held_since = case
        when p_state <> 'held' and p_held_reason is null then null
        -- What held it at first and slows it now is news.
        when (w.state = 'held') = (p_state = 'held') then coalesce(w.held_since, now())
        else now()
    end,
    heartbeat_at = now(),
    beats = w.beats + 1,
    processed = coalesce(p_processed, w.processed),
    failed = coalesce(p_failed, w.failed),
    memory = coalesce(p_memory, w.memory)
where w.id = p_worker;

-- A worker that goes on keeps its leases, however long its uploads take; one that says nothing of a
-- renewal keeps them to their deadline. Seldom, since each renewal leaves a dead row.
update mailvault.lease as l set deadline_at = now() + p_renewal
where l.worker_id = p_worker and l.deadline_at < now() + p_renewal / 2;

-- All workers sample; the first of every five seconds wins.
insert into mailvault.sample
(batch_id, sampled_at, processed, dead, bytes, source_bytes, working)
select
    t.batch_id,
    date_bin('5 seconds', now(), timestamptz '2000-01-01 00:00:00+00'),
    sum(t.processed), sum(t.dead), sum(t.bytes), sum(t.source_bytes),
    (
        select count(*)
        from mailvault.worker as w
        where w.state in ('running', 'stopping') and w.heartbeat_at > now() - interval '20 seconds'
    )
from mailvault.tally as t
group by t.batch_id
having
    max(t.changed_at) > now() - interval '1 minute'
    -- What is large may take minutes, and they count.
    or exists (select from mailvault.lease as l where l.batch_id = t.batch_id)
on conflict (batch_id, sampled_at) do nothing;

select w.beats from mailvault.worker as w where w.id = p_worker;
$$;

comment on function mailvault.heartbeat is
'Tells that a worker lives and how it is, renews its leases, and samples the tallies; returns its '
'heartbeats so far, or NULL for a worker that is not known.';

create or replace function mailvault.redispatch(p_jobs bigint[])
returns void
language sql
as $$
-- What is recorded of them is of mail as it was; the objects stay in the ledger.
with unmade as (
    delete from mailvault.part as p
    where p.job_id = any(p_jobs)
    returning p.job_id, p.object_key
),

again as (
    insert into mailvault.outbox (priority, job_id, batch_id, email_key)
    select j.priority, j.id, j.batch_id, j.email_key
    from mailvault.job as j
    where j.id = any(p_jobs)
    returning job_id, batch_id
),

lost as (
    select
        again.job_id,
        again.batch_id,
        count(unmade.job_id) as parts,
        sum(o.size) as bytes,
        sum(coalesce(o.original_size, o.size)) as source_bytes
    from again
    left join unmade on again.job_id = unmade.job_id
    left join mailvault.object as o on unmade.object_key = o.key
    group by again.job_id, again.batch_id
)

select mailvault.count_up(
    lost.batch_id,
    p_processed => -count(*),
    p_parts => -sum(lost.parts)::bigint,
    p_bytes => -coalesce(sum(lost.bytes), 0)::bigint,
    p_source_bytes => -coalesce(sum(lost.source_bytes), 0)::bigint
)
from lost
group by lost.batch_id;
$$;

comment on function mailvault.redispatch is
'Sends emails that were stored to the outbox again, since they changed.';

create or replace function mailvault.ack(
    p_jobs bigint[],
    p_tokens uuid[],
    p_part_leases integer[],
    p_kinds text[],
    p_part_keys text[],
    p_object_keys text[],
    p_sizes bigint[],
    p_sha256s bytea[],
    p_etags text[],
    p_content_types text[],
    p_checksums text[],
    p_version_ids text[],
    p_content_encodings text[],
    p_original_sizes bigint[],
    p_original_sha256s bytea[]
)
returns bigint[]
language plpgsql
-- Plans are kept, and a table that was empty when one was made may be large by now.
set enable_seqscan = off
-- A row that the application has locked must not keep the other emails waiting.
set lock_timeout = '2s'
as $$
declare
    v_places bigint[];
    v_jobs bigint[];
    v_batches bigint[];
    v_attempts integer[];
    v_keys text[];
    -- By place: the batch of each lease that stood, NULL for one that was lost.
    v_batch_at bigint[];
    v_differing text;
begin
    select
        array_agg(gone.place),
        coalesce(array_agg(gone.job_id), '{}'),
        array_agg(gone.batch_id),
        array_agg(gone.attempts),
        array_agg(gone.email_key)
    into v_places, v_jobs, v_batches, v_attempts, v_keys
    from mailvault.end_leases(p_jobs, p_tokens) as gone;

    -- A part is of one lease and not of its job: a worker may hold a lost lease on the same job too,
    -- after a failover that lost commits even of another email.
    if cardinality(p_part_leases) > 0 then
        v_batch_at := array_fill(null::bigint, array[cardinality(p_jobs)]);
        for v_index in 1..cardinality(v_jobs) loop
            v_batch_at[v_places[v_index]] := v_batches[v_index];
        end loop;

        insert into mailvault.object as o
        (
            key, size, sha256, etag, content_type, checksum, version_id,
            content_encoding, original_size, original_sha256
        )
        select distinct on (p.object_key)
            p.object_key, p.size, p.sha256, p.etag, p.content_type, p.checksum, p.version_id,
            p.content_encoding, p.original_size, p.original_sha256
        from unnest(
            p_part_leases, p_object_keys, p_sizes, p_sha256s, p_etags, p_content_types,
            p_checksums, p_version_ids, p_content_encodings, p_original_sizes, p_original_sha256s
        ) as p (
            lease, object_key, size, sha256, etag, content_type, checksum, version_id,
            content_encoding, original_size, original_sha256
        )
        where v_batch_at[p.lease] is not null
        order by p.object_key
        on conflict (key) do nothing;

        -- The store never replaces an object, so a ledger that says otherwise is of another bucket.
        select p.object_key into v_differing
        from unnest(p_part_leases, p_object_keys, p_sha256s) as p (lease, object_key, sha256)
        where
            v_batch_at[p.lease] is not null
            and p.sha256 <> (select o.sha256 from mailvault.object as o where o.key = p.object_key)
        limit 1;
        if found then
            raise exception 'object % is in the ledger with another digest', v_differing
            using errcode = 'data_corrupted', hint = 'Is this the bucket that the ledger is about?';
        end if;

        -- A job that was retried after a crash may have recorded a part already.
        insert into mailvault.part (job_id, kind, part_key, object_key)
        select p_jobs[p.lease], p.kind, p.part_key, p.object_key
        from unnest(p_part_leases, p_kinds, p_part_keys, p_object_keys)
            as p (lease, kind, part_key, object_key)
        where v_batch_at[p.lease] is not null
        on conflict (job_id, kind, part_key) do update set object_key = excluded.object_key;

        perform mailvault.source_mark_parts(
            array_agg(p.kind), array_agg(p.part_key), array_agg(p.object_key)
        )
        from unnest(p_part_leases, p_kinds, p_part_keys, p_object_keys)
            as p (lease, kind, part_key, object_key)
        where v_batch_at[p.lease] is not null;

        perform mailvault.count_up(
            d.batch_id,
            p_parts => count(*),
            p_bytes => sum(d.size)::bigint,
            p_source_bytes => sum(d.source_size)::bigint
        )
        from (
            select
                v_batch_at[p.lease] as batch_id,
                p.size,
                coalesce(p.original_size, p.size) as source_size
            from unnest(p_part_leases, p_sizes, p_original_sizes)
                as p (lease, size, original_size)
        ) as d
        where d.batch_id is not null
        group by d.batch_id;
    end if;

    perform mailvault.mark_emails(v_keys, true, v_attempts);

    perform mailvault.count_up(d.batch_id, p_processed => count(*))
    from unnest(v_batches) as d (batch_id)
    group by d.batch_id;

    return v_jobs;
end
$$;

comment on function mailvault.ack is
'Ends leases of stored emails: records objects and parts (each of the lease at that place in '
'p_jobs), marks the source; returns the jobs.';
