-- Parts are recorded only with the very lease under which they were stored.

drop function mailvault.ack(
    bigint[], uuid[], bigint[], text[], text[], text[], bigint[], bytea[], text[], text[]
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
    v_leases integer[];
    v_batches bigint[];
    v_attempts integer[];
    v_differing text;
begin
    with gone as (
        delete from mailvault.lease as l
        using unnest(p_jobs, p_tokens) with ordinality as held (job_id, token, place)
        where l.job_id = held.job_id and l.token = held.token
        returning l.job_id, l.batch_id, l.attempts, held.place
    )

    select
        coalesce(array_agg(gone.job_id order by gone.job_id), '{}'),
        array_agg(gone.place),
        array_agg(gone.batch_id order by gone.job_id),
        array_agg(gone.attempts order by gone.job_id)
    into v_jobs, v_leases, v_batches, v_attempts
    from gone;

    -- A part is of one lease and not of its job: a worker may hold a lost lease on the same job too,
    -- after a failover that lost commits even of another email.
    if cardinality(p_part_leases) > 0 then
        insert into mailvault.object as o (key, size, sha256, etag, content_type)
        select distinct on (p.object_key) p.object_key, p.size, p.sha256, p.etag, p.content_type
        from unnest(p_part_leases, p_object_keys, p_sizes, p_sha256s, p_etags, p_content_types)
            as p (lease, object_key, size, sha256, etag, content_type)
        where p.lease = any(v_leases)
        order by p.object_key
        on conflict (key) do nothing;

        -- The store never replaces an object, so a ledger that says otherwise is of another bucket.
        select p.object_key into v_differing
        from unnest(p_part_leases, p_object_keys, p_sha256s) as p (lease, object_key, sha256)
        where
            p.lease = any(v_leases)
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
        where p.lease = any(v_leases)
        on conflict (job_id, kind, part_key) do update set object_key = excluded.object_key;

        perform mailvault.source_mark_parts(
            array_agg(p.kind), array_agg(p.part_key), array_agg(p.object_key)
        )
        from unnest(p_part_leases, p_kinds, p_part_keys, p_object_keys)
            as p (lease, kind, part_key, object_key)
        where p.lease = any(v_leases);
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
        select p_jobs[s.lease] as job_id, count(*) as parts, sum(s.size) as bytes
        from unnest(p_part_leases, p_sizes) as s (lease, size)
        where s.lease = any(v_leases)
        group by s.lease
    ) as p on d.job_id = p.job_id
    group by d.batch_id;

    return v_jobs;
end
$$;

comment on function mailvault.ack is
'Ends leases of stored emails: records objects and parts (each of the lease at that place in '
'p_jobs), marks the source; returns the jobs.';
