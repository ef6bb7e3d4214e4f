-- The ledger says which version of an object is the mail, what S3 shows as the checksum of one that
-- went there in slices, and what was compressed. And what slows a worker, like what holds it, has a
-- beginning.

alter table mailvault.object add column checksum text;
alter table mailvault.object add column version_id text;
alter table mailvault.object add column content_encoding text;
alter table mailvault.object add column original_size bigint check (original_size >= 0);
alter table mailvault.object
add column original_sha256 bytea check (octet_length(original_sha256) = 32);
alter table mailvault.object add constraint object_check
check (num_nulls(content_encoding, original_size, original_sha256) in (0, 3));
comment on column mailvault.object.checksum is
'Of an object in slices: the SHA-256 of their SHA-256s and their number, as S3 shows it.';
comment on column mailvault.object.version_id is 'The version that was made, where there are any.';
comment on column mailvault.object.content_encoding is
'gzip or zstd, where the object is compressed; its size and digest are those of what was sent.';
comment on column mailvault.object.original_size is 'Bytes, before they were compressed.';
comment on column mailvault.object.original_sha256 is 'Their digest.';
comment on column mailvault.tally.bytes is 'Bytes stored, as they were sent.';

create or replace view mailvault.objects as
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

update mailvault.worker set held_since = now()
where held_reason is not null and held_since is null;
alter table mailvault.worker drop constraint worker_check;
alter table mailvault.worker add constraint worker_check
check (state <> 'held' or held_since is not null);
comment on column mailvault.worker.held_reason is 'What holds or slows it, in one word.';
comment on column mailvault.worker.held_message is 'What holds or slows it, in a sentence.';
comment on column mailvault.worker.held_since is 'Since when it is held or slowed.';

create or replace function mailvault.heartbeat(
    p_worker bigint,
    p_state text,
    p_in_flight integer,
    p_held_reason text default null,
    p_held_message text default null,
    p_renewal interval default null
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
    beats = w.beats + 1
where w.id = p_worker;

-- A worker that goes on keeps its leases, however long its uploads take; one that says nothing of a
-- renewal keeps them to their deadline. Seldom, since each renewal leaves a dead row.
update mailvault.lease as l set deadline_at = now() + p_renewal
where l.worker_id = p_worker and l.deadline_at < now() + p_renewal / 2;

-- All workers sample; the first of every five seconds wins.
insert into mailvault.sample (batch_id, sampled_at, processed, dead, bytes)
select
    t.batch_id,
    date_bin('5 seconds', now(), timestamptz '2000-01-01 00:00:00+00'),
    sum(t.processed), sum(t.dead), sum(t.bytes)
from mailvault.tally as t
group by t.batch_id
having max(t.changed_at) > now() - interval '1 minute'
on conflict (batch_id, sampled_at) do nothing;

select w.beats from mailvault.worker as w where w.id = p_worker;
$$;

drop function mailvault.ack(
    bigint[], uuid[], integer[], text[], text[], text[], bigint[], bytea[], text[], text[]
);

create function mailvault.ack(
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

        perform mailvault.count_up(d.batch_id, p_parts => count(*), p_bytes => sum(d.size)::bigint)
        from (
            select v_batch_at[p.lease] as batch_id, p.size
            from unnest(p_part_leases, p_sizes) as p (lease, size)
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
