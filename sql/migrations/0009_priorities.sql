-- Jobs are claimed by priority, and from the position that a worker remembers.

alter table mailvault.batch
add priority smallint not null default 5 check (priority between 0 and 9);
alter table mailvault.job
add priority smallint not null default 5 check (priority between 0 and 9);
alter table mailvault.outbox add priority smallint not null default 5;
alter table mailvault.outbox drop constraint outbox_pkey;
alter table mailvault.outbox add primary key (priority, job_id);
alter table mailvault.outbox set (autovacuum_vacuum_cost_delay = 0);
alter table mailvault.delayed set (autovacuum_vacuum_cost_delay = 0);
alter table mailvault.lease set (autovacuum_vacuum_cost_delay = 0);

comment on column mailvault.batch.priority is 'Of its jobs: 0 is claimed first, 9 last.';
comment on column mailvault.job.priority is '0 is claimed first, 9 last.';
comment on column mailvault.outbox.priority is 'Its job''s: 0 is claimed first, 9 last.';

drop function mailvault.claim(bigint, integer, interval);

create function mailvault.wake()
returns void
language plpgsql
as $$
begin
    -- A hint, sent only if somebody waits for it: the lock that NOTIFY takes at commit is global.
    if exists (select from mailvault.worker as w where w.state = 'idle') then
        notify mailvault;
    end if;
end
$$;

comment on function mailvault.wake is 'Tells idle workers, if there are any, that there is work.';

create function mailvault.dispatch(p_batch bigint, p_priority integer, p_keys text[])
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
                returning id
            ),

            placed as (
                insert into mailvault.outbox (priority, job_id, batch_id)
                select p_priority, made.id, p_batch from made
                returning job_id
            )

            select count(*) into v_dispatched from placed;
            return v_dispatched;
        exception
            when unique_violation then
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

comment on function mailvault.dispatch is
'Makes jobs for those of some emails that have none, and puts them into the outbox; returns how '
'many.';

create or replace function mailvault.enqueue_chunk(p_batch bigint, p_limit integer)
returns table (dispatched bigint, finished boolean)
language plpgsql
-- A generic plan cannot know which of the selection's conditions are absent, and would read the
-- source from its start for every chunk.
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_batch mailvault.batch;
    v_limit bigint;
    v_keys text[];
    v_found bigint;
begin
    -- One enqueuer at a time; a second one goes on from where the first has come to.
    select * into strict v_batch from mailvault.batch where id = p_batch for update;
    if v_batch.state <> 'enqueuing' then
        return query select v_batch.dispatched, true;
        return;
    end if;
    v_limit := least(p_limit, v_batch.max_emails - v_batch.dispatched);

    v_keys := array(
        select mailvault.source_text(c.key)
        from mailvault.candidates(
            v_batch.since, v_batch.until, v_batch.email_keys, v_batch.position
        ) as c
        order by c.key
        limit v_limit
    );
    v_found := cardinality(v_keys);
    v_batch.dispatched := v_batch.dispatched
    + mailvault.dispatch(p_batch, v_batch.priority, v_keys);

    finished := v_found < v_limit
    or coalesce(v_batch.dispatched >= v_batch.max_emails, false);
    update mailvault.batch as b
    set
        position = coalesce(v_keys[v_found], b.position),
        dispatched = v_batch.dispatched,
        total = case when enqueue_chunk.finished then v_batch.dispatched else b.total end,
        state = case when enqueue_chunk.finished then 'enqueued' else 'enqueuing' end,
        enqueued_at = case when enqueue_chunk.finished then now() end
    where b.id = p_batch;

    perform mailvault.wake();
    dispatched := v_batch.dispatched;
    return next;
end
$$;

comment on function mailvault.enqueue_chunk is
'Dispatches up to p_limit more emails; returns how many it is now, and whether that is all.';

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
    returning d.job_id, d.batch_id, d.attempts
),

placed as (
    insert into mailvault.outbox (priority, job_id, batch_id, attempts)
    select
        (select j.priority from mailvault.job as j where j.id = taken.job_id),
        taken.job_id, taken.batch_id, taken.attempts
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

comment on function mailvault.promote is
'Puts up to p_limit jobs whose time has come back into the outbox; returns how many.';

create function mailvault.claim(
    p_worker bigint, p_limit integer, p_timeout interval, p_after bigint[] default null
)
returns table (job_id bigint, token uuid, email_key text, attempt integer, priority smallint)
language plpgsql
-- Plans are kept, and a table that was empty when one was made may be large by now.
set enable_seqscan = off
as $$
declare
    v_forbidden bigint[];
    v_picked tid[] := '{}';
    -- Of this claim, in which a job is once: drawing one for each job took a sixth of the time.
    v_token uuid := gen_random_uuid();
begin
    if exists (select from mailvault.control as c where c.paused_at is not null) then
        return;
    end if;
    v_forbidden := array(select b.id from mailvault.batch as b where b.state = 'cancelling');
    if p_after is null then
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

    return query
    -- The rows are locked, so that they are still where they were seen.
    with taken as (
        delete from mailvault.outbox as o
        where o.ctid = any(v_picked)
        returning o.job_id, o.batch_id, o.attempts, o.priority
    ),

    -- Attempts are counted here, so that a crash counts too.
    leased as (
        insert into mailvault.lease as l (
            job_id, batch_id, attempts, token, worker_id, deadline_at
        )
        select
            taken.job_id, taken.batch_id, taken.attempts + 1, v_token, p_worker, now() + p_timeout
        from taken
        returning l.job_id, l.batch_id, l.attempts
    ),

    started as (
        update mailvault.batch as b set started_at = now()
        where b.started_at is null and b.id in (select leased.batch_id from leased)
    )

    select leased.job_id, v_token, j.email_key, leased.attempts, j.priority
    from leased
    cross join
        lateral (
            select k.email_key, k.priority
            from mailvault.job as k
            where k.id = leased.job_id
            limit 1  -- keeps it one look-up for each row, and no join over the table
        ) as j
    order by j.priority, leased.job_id;
end
$$;

comment on function mailvault.claim is
'Leases up to p_limit ready jobs to a worker for p_timeout, with a new fencing token; of each '
'priority (from 0) those after a position, or all and what has come due.';

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
        insert into mailvault.outbox (priority, job_id, batch_id, attempts)
        select
            (select j.priority from mailvault.job as j where j.id = gone.job_id),
            gone.job_id, gone.batch_id, case when p_reset then 0 else gone.attempts end
        from gone
    )

    select array_agg(gone.batch_id) into v_batches from gone;

    perform mailvault.count_up(d.batch_id, p_dead => -count(*))
    from unnest(v_batches) as d (batch_id)
    group by d.batch_id;
    perform mailvault.wake();
    return coalesce(cardinality(v_batches), 0);
end
$$;

comment on function mailvault.retry is
'Sends dead letters back to the outbox, for one more attempt or, with p_reset, for all again.';
