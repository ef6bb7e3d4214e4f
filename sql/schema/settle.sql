-- What becomes of a lease. Every function here is fenced: it acts on the leases whose token is
-- still the caller's and returns their jobs; a job that is missing from the answer was lost to
-- somebody else, and nothing was written for it.

create function mailvault.end_leases(p_jobs bigint[], p_tokens uuid[])
returns table (
    place bigint, priority smallint, job_id bigint, batch_id bigint, attempts integer,
    email_key text, cancelled boolean
)
language plpgsql
-- Plans are kept, and a table that was empty when one was made may be large by now: no walk over
-- the leases, and none over the arguments for each lease.
set enable_seqscan = off
set enable_nestloop = off
as $$
begin
    return query
    delete from mailvault.lease as l
    using unnest(p_jobs, p_tokens) with ordinality as held (job_id, token, place)
    where l.job_id = any(p_jobs) and l.job_id = held.job_id and l.token = held.token
    returning held.place, l.priority, l.job_id, l.batch_id, l.attempts, l.email_key, l.cancelled;
end
$$;

comment on function mailvault.end_leases is
'The fence: ends those of some leases that still stand; returns them, with their place among the '
'arguments. Whoever calls it puts the jobs where they belong.';

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

create function mailvault.discard(p_jobs bigint[])
returns void
language sql
as $$
with gone as (
    delete from mailvault.job as j
    where j.id = any(p_jobs)
    returning j.batch_id
)

select mailvault.count_up(gone.batch_id, p_cancelled => count(*))
from gone
group by gone.batch_id;
$$;

comment on function mailvault.discard is
'Forgets cancelled jobs, so that another batch may dispatch their emails.';

create function mailvault.digest_of(p_object_key text)
returns text
language sql stable
as $$
select encode(coalesce(o.original_sha256, o.sha256), 'hex')
from mailvault.object as o
where o.key = p_object_key
$$;

comment on function mailvault.digest_of is
'The SHA-256 of what an object stands for, in hexadecimal digits.';

create function mailvault.mark_emails(
    p_keys text[],
    p_stored boolean,
    p_attempts integer[],
    p_messages text[] default null
)
returns void
language plpgsql
as $$
begin
    perform mailvault.source_mark_emails(p_keys, p_stored, p_attempts, p_messages);
exception
    -- That an email failed is recorded even where the application's row cannot be marked.
    when
        data_exception or integrity_constraint_violation or raise_exception or lock_not_available
        or insufficient_privilege or query_canceled
    then
        if p_stored then
            raise;
        end if;
        raise warning 'failures are not written back to the source: %', sqlerrm;
end
$$;

comment on function mailvault.mark_emails is
'Writes back to the source how some emails stand, as the mapping says.';

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
-- A row that the application has locked must not keep the other emails waiting. And in a deadlock
-- it is we who give way: PostgreSQL looks for one after a second, and may end either side.
set lock_timeout = '500ms'
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

create function mailvault.nack(
    p_worker bigint,
    p_jobs bigint[],
    p_tokens uuid[],
    p_reasons text[],
    p_messages text[],
    p_retryable boolean[],
    p_max_attempts integer default 3,
    p_delay interval default '60 seconds'
)
returns bigint[]
language plpgsql
set enable_seqscan = off
set lock_timeout = '500ms'
as $$
declare
    v_jobs bigint[];
    v_batches bigint[];
    v_attempts integer[];
    v_keys text[];
    v_reasons text[];
    v_messages text[];
    v_again boolean[];
    v_cancelled bigint[];
begin
    with gone as materialized (
        select
            l.priority, l.job_id, l.batch_id, l.attempts, l.email_key, l.cancelled,
            p_reasons[l.place] as reason,
            p_messages[l.place] as message,
            p_retryable[l.place] and l.attempts < p_max_attempts as again
        from mailvault.end_leases(p_jobs, p_tokens) as l
    ),

    noted as (
        insert into mailvault.failure (job_id, attempt, reason, message, worker_id)
        select gone.job_id, gone.attempts, gone.reason, gone.message, p_worker from gone
    ),

    -- Exponential backoff with full jitter, so that those that failed together do not return so.
    postponed as (
        insert into mailvault.delayed (priority, job_id, batch_id, attempts, email_key, due_at)
        select
            gone.priority, gone.job_id, gone.batch_id, gone.attempts, gone.email_key,
            now() + p_delay * random() * power(2, least(gone.attempts, 20) - 1)
        from gone
        where gone.again and not gone.cancelled
    ),

    buried as (
        insert into mailvault.dead_letter (job_id, batch_id, attempts, reason, message)
        select gone.job_id, gone.batch_id, gone.attempts, gone.reason, gone.message
        from gone
        where not gone.again
    )

    select
        coalesce(array_agg(gone.job_id), '{}'),
        array_agg(gone.batch_id),
        array_agg(gone.attempts),
        array_agg(gone.email_key),
        array_agg(gone.reason),
        array_agg(gone.message),
        array_agg(gone.again),
        array_agg(gone.job_id) filter (where gone.again and gone.cancelled)
    into v_jobs, v_batches, v_attempts, v_keys, v_reasons, v_messages, v_again, v_cancelled
    from gone;

    perform mailvault.mark_emails(v_keys, false, v_attempts, v_messages);

    perform mailvault.count_up(
        d.batch_id,
        p_dead => count(*) filter (where not d.again),
        p_delayed => count(*) filter (where d.again),
        p_reason => d.reason
    )
    from (
        select u.job_id, u.batch_id, u.again, case when not u.again then u.reason end as reason
        from unnest(v_jobs, v_batches, v_again, v_reasons) as u (job_id, batch_id, again, reason)
    ) as d
    where d.job_id <> all(coalesce(v_cancelled, '{}'))
    group by d.batch_id, d.reason;
    perform mailvault.discard(v_cancelled);

    return v_jobs;
end
$$;

comment on function mailvault.nack is
'Ends leases whose attempt failed: another one after a delay, or a dead letter; returns the jobs.';

create function mailvault.release(p_jobs bigint[], p_tokens uuid[])
returns bigint[]
language plpgsql
as $$
declare
    v_jobs bigint[];
    v_cancelled bigint[];
begin
    with gone as materialized (
        select l.priority, l.job_id, l.batch_id, l.attempts, l.email_key, l.cancelled
        from mailvault.end_leases(p_jobs, p_tokens) as l
    ),

    placed as (
        insert into mailvault.outbox (priority, job_id, batch_id, attempts, email_key)
        select gone.priority, gone.job_id, gone.batch_id, gone.attempts - 1, gone.email_key
        from gone
        where not gone.cancelled
    )

    select
        coalesce(array_agg(gone.job_id), '{}'),
        array_agg(gone.job_id) filter (where gone.cancelled)
    into v_jobs, v_cancelled
    from gone;

    perform mailvault.discard(v_cancelled);
    return v_jobs;
end
$$;

comment on function mailvault.release is
'Gives leases back to the outbox with the attempt not counted; returns the jobs.';
