-- The key of a job's email goes with it from outbox to lease and delayed, with its priority: to
-- look at the job for each of these steps took a third of the time that they take.

alter table mailvault.outbox add column email_key text collate "C";
alter table mailvault.delayed add column priority smallint;
alter table mailvault.delayed add column email_key text collate "C";
alter table mailvault.lease add column priority smallint;
alter table mailvault.lease add column email_key text collate "C";

create index batch_not_started on mailvault.batch (id) where started_at is null;

update mailvault.outbox as o set email_key = j.email_key
from mailvault.job as j
where o.job_id = j.id;
update mailvault.delayed as d set
    priority = j.priority,
    email_key = j.email_key
from mailvault.job as j
where d.job_id = j.id;
update mailvault.lease as l set
    priority = j.priority,
    email_key = j.email_key
from mailvault.job as j
where l.job_id = j.id;

alter table mailvault.outbox alter column email_key set not null;
alter table mailvault.delayed alter column priority set not null;
alter table mailvault.delayed alter column email_key set not null;
alter table mailvault.lease alter column priority set not null;
alter table mailvault.lease alter column email_key set not null;

alter table mailvault.lease alter column token drop default;
drop function mailvault.claim(bigint, integer, interval, bigint[]);

comment on column mailvault.lease.token is
'Fencing token, new for each claim; random, since a failover can reissue a sequence.';
comment on column mailvault.outbox.email_key is
'Its job''s, as in delayed and lease: a look at the job for each step took a third of the time.';
comment on column mailvault.delayed.priority is 'Its job''s.';
comment on column mailvault.delayed.email_key is 'Its job''s.';
comment on column mailvault.lease.priority is 'Its job''s.';
comment on column mailvault.lease.email_key is 'Its job''s.';

create or replace function mailvault.promote(p_limit integer)
returns bigint
language sql
as $$
with due as materialized (
    select d.job_id
    from mailvault.delayed as d
    where d.due_at <= now()
    order by d.due_at
    limit p_limit
    for update skip locked
),

taken as (
    delete from mailvault.delayed as d
    where d.job_id = any(array(select due.job_id from due))
    returning d.priority, d.job_id, d.batch_id, d.attempts, d.email_key
),

placed as (
    insert into mailvault.outbox (priority, job_id, batch_id, attempts, email_key)
    select taken.priority, taken.job_id, taken.batch_id, taken.attempts, taken.email_key
    from taken
    returning batch_id
),

counted as (
    select
        count(*) as jobs,
        mailvault.count_up(placed.batch_id, p_delayed => -count(*))
    from placed
    group by placed.batch_id
)

select coalesce(sum(counted.jobs), 0)::bigint from counted;
$$;

create function mailvault.claim(
    p_worker bigint,
    p_limit integer,
    p_timeout interval,
    p_after bigint[] default null,
    p_token uuid default gen_random_uuid()
)
returns table (job_id bigint, token uuid, email_key text, attempt integer, priority smallint)
language plpgsql
-- One plan for good: to plan took most of the time of a small claim. It must do for tables that are
-- empty when it is made and large later, so that the ways are closed which do not for both.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    v_forbidden bigint[];
    v_not_started bigint[];
    v_picked tid[] := '{}';
begin
    if exists (select from mailvault.control as c where c.paused_at is not null) then
        return;
    end if;
    v_forbidden := array(select b.id from mailvault.batch as b where b.state = 'cancelling');
    v_not_started := array(select b.id from mailvault.batch as b where b.started_at is null);
    if
        p_after is null
        and exists (select from mailvault.delayed as d where d.due_at <= now())
    then
        perform mailvault.promote(p_limit);
    end if;

    -- In order of priority, then of dispatch. From the remembered position on, since in front of
    -- it lie the entries of all rows that were claimed before, which an old snapshot anywhere
    -- keeps from being vacuumed. SKIP LOCKED, so that workers pass one another.
    for v_priority in 0..9 loop
        v_picked := v_picked || array(
            select o.ctid
            from mailvault.outbox as o
            where
                o.priority = v_priority
                and o.job_id > coalesce(p_after[v_priority + 1], 0)
                and o.batch_id <> all(v_forbidden)
            order by o.job_id
            limit p_limit - cardinality(v_picked)
            for update skip locked
        );
        exit when cardinality(v_picked) >= p_limit;
    end loop;
    if v_picked = '{}' then
        return;
    end if;
    -- A crash of PostgreSQL may forget this claim, as if it had never been: the fence then refuses
    -- what comes of it, and an ack, which is written after it, makes it last.
    perform set_config('synchronous_commit', 'off', true);

    return query
    -- The rows are locked, so that they are still where they were seen.
    with taken as (
        delete from mailvault.outbox as o
        where o.ctid = any(v_picked)
        returning o.priority, o.job_id, o.batch_id, o.attempts, o.email_key
    ),

    -- Attempts are counted here, so that a crash counts too.
    leased as (
        insert into mailvault.lease as l (
            priority, job_id, batch_id, attempts, email_key, token, worker_id, deadline_at
        )
        select
            taken.priority, taken.job_id, taken.batch_id, taken.attempts + 1, taken.email_key,
            p_token, p_worker, now() + p_timeout
        from taken
        returning l.priority, l.job_id, l.batch_id, l.attempts, l.email_key
    ),

    started as (
        update mailvault.batch as b set started_at = now()
        where
            b.id = any(v_not_started)
            -- So that nothing is gathered where all have: this is asked for every job.
            and array(select leased.batch_id from leased) @> array[b.id]
    )

    select leased.job_id, p_token, leased.email_key, leased.attempts, leased.priority
    from leased
    order by leased.priority, leased.job_id;
end
$$;

comment on function mailvault.claim is
'Leases up to p_limit ready jobs to a worker for p_timeout, with a fencing token that is new for '
'each claim; of each priority (from 0) those after a position, or all and what has come due.';

create or replace function mailvault.dispatch(p_batch bigint, p_priority integer, p_keys text[])
returns bigint
language plpgsql
as $$
declare
    v_keys text[] := p_keys;
    v_dispatched bigint;
begin
    -- Hardly ever was one of them dispatched before: to find that out from an error is much
    -- cheaper than ON CONFLICT, which looks each key up first and inserts it in two steps.
    loop
        begin
            with made as (
                insert into mailvault.job (batch_id, email_key, priority)
                select p_batch, k.key, p_priority
                from unnest(v_keys) as k (key)
                returning id, email_key
            )

            insert into mailvault.outbox (priority, job_id, batch_id, email_key)
            select p_priority, made.id, p_batch, made.email_key from made;
            get diagnostics v_dispatched = row_count;
            return v_dispatched;
        exception
            when unique_violation then
                -- A snapshot from before would never show who else dispatched them.
                if current_setting('transaction_isolation') <> 'read committed' then
                    raise;
                end if;
                v_keys := array(
                    select k.key
                    from unnest(v_keys) with ordinality as k (key, n)
                    where
                        not exists (select from mailvault.job as j where j.email_key = k.key)
                    order by k.n
                );
        end;
    end loop;
end
$$;

create or replace function mailvault.enqueue(p_email text, p_priority integer default 1)
returns bigint
language plpgsql
as $$
declare
    v_key text := mailvault.source_text(mailvault.source_key(p_email));
    v_job bigint;
begin
    insert into mailvault.job as j (batch_id, email_key, priority)
    values (0, v_key, p_priority)
    on conflict (email_key) do nothing
    returning j.id into v_job;
    if not found then
        return (select j.id from mailvault.job as j where j.email_key = v_key);
    end if;
    insert into mailvault.outbox (priority, job_id, batch_id, email_key)
    values (p_priority, v_job, 0, v_key);
    perform mailvault.count_up(0, p_dispatched => 1);
    perform mailvault.wake();
    return v_job;
end
$$;

create or replace function mailvault.reap(
    p_stale interval default '20 seconds',
    p_max_attempts integer default 3,
    p_limit integer default 1000
)
returns bigint
language plpgsql
set lock_timeout = '2s'
as $$
declare
    v_keys text[];
    v_batches bigint[];
    v_attempts integer[];
    v_messages text[];
    v_cancelled bigint[];
    v_reaped bigint;
begin
    -- A worker that lives but was slow to say so takes its row back with its next heartbeat.
    update mailvault.worker as w
    set state = 'lost', held_reason = null, held_message = null, held_since = null
    where w.state not in ('stopped', 'lost') and w.heartbeat_at < now() - p_stale;

    -- The condition stands in the statement that deletes: a lease that was settled or claimed
    -- anew since it was looked at is another row. SKIP LOCKED passes by what is being settled. A
    -- worker whose row was lost in a failover has the time to enter itself again.
    with orphan as materialized (
        select l.job_id, l.token, l.deadline_at <= now() as late
        from mailvault.lease as l
        left join mailvault.worker as w on l.worker_id = w.id
        where
            l.deadline_at <= now()
            or w.state in ('stopped', 'lost')
            or (w.id is null and l.leased_at < now() - p_stale)
        order by l.job_id
        limit p_limit
        for update of l skip locked
    ),

    gone as (
        delete from mailvault.lease as l
        using orphan
        where l.job_id = orphan.job_id and l.token = orphan.token
        returning
            l.priority, l.job_id, l.batch_id, l.attempts, l.email_key, l.worker_id, l.cancelled,
            l.attempts < p_max_attempts as again,
            case when orphan.late then 'timeout' else 'worker_lost' end as reason,
            case
                when orphan.late then 'worker ' || l.worker_id || ' got no further with it'
                else 'worker ' || l.worker_id || ' ended without giving the job back'
            end as message
    ),

    noted as (
        insert into mailvault.failure (job_id, attempt, reason, message, worker_id)
        select gone.job_id, gone.attempts, gone.reason, gone.message, gone.worker_id from gone
    ),

    placed as (
        insert into mailvault.outbox (priority, job_id, batch_id, attempts, email_key)
        select gone.priority, gone.job_id, gone.batch_id, gone.attempts, gone.email_key
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
        count(*),
        array_agg(gone.email_key) filter (where not gone.again),
        array_agg(gone.batch_id) filter (where not gone.again),
        array_agg(gone.attempts) filter (where not gone.again),
        array_agg(gone.message) filter (where not gone.again),
        array_agg(gone.job_id) filter (where gone.again and gone.cancelled)
    into v_reaped, v_keys, v_batches, v_attempts, v_messages, v_cancelled
    from gone;

    perform mailvault.mark_emails(v_keys, false, v_attempts, v_messages);

    perform mailvault.count_up(d.batch_id, p_dead => count(*))
    from unnest(v_batches) as d (batch_id)
    group by d.batch_id;
    perform mailvault.discard(v_cancelled);

    if v_reaped > 0 then
        perform mailvault.wake();
    end if;
    return v_reaped;
end
$$;

create or replace function mailvault.retry(
    p_jobs bigint[] default null,
    p_reset boolean default false,
    p_limit bigint default null
)
returns bigint
language plpgsql
as $$
declare
    v_batches bigint[];
begin
    with chosen as materialized (
        select d.job_id
        from mailvault.dead_letter as d
        where p_jobs is null or d.job_id = any(p_jobs)
        order by d.job_id
        limit p_limit
        for update
    ),

    gone as (
        delete from mailvault.dead_letter as d
        where d.job_id = any(array(select chosen.job_id from chosen))
        returning d.job_id, d.batch_id, d.attempts
    ),

    placed as (
        insert into mailvault.outbox (priority, job_id, batch_id, attempts, email_key)
        select
            j.priority, gone.job_id, gone.batch_id,
            case when p_reset then 0 else gone.attempts end, j.email_key
        from gone
        cross join
            lateral (
                select k.priority, k.email_key
                from mailvault.job as k
                where k.id = gone.job_id
                limit 1  -- keeps it one look-up for each row, and no join over the table
            ) as j
    )

    select array_agg(gone.batch_id) into v_batches from gone;

    perform mailvault.count_up(d.batch_id, p_dead => -count(*))
    from unnest(v_batches) as d (batch_id)
    group by d.batch_id;
    perform mailvault.wake();
    return coalesce(cardinality(v_batches), 0);
end
$$;
