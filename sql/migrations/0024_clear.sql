-- Dead letters that are cleared away, those of one reason sent round again, and a record of what
-- operators do.

create table mailvault.audit (
    id bigint generated always as identity primary key,
    happened_at timestamptz not null default now(),
    done_by text not null,
    action text not null,
    details jsonb not null default '{}'
);

comment on table mailvault.audit is 'What operators did to the queue and to the workers.';
comment on column mailvault.audit.id is 'In the order in which it was done.';
comment on column mailvault.audit.happened_at is 'When.';
comment on column mailvault.audit.done_by is 'Who: a person at a machine, or a role.';
comment on column mailvault.audit.action is 'What: pause, resume, retry, …';
comment on column mailvault.audit.details is 'To what, and how many.';

create function mailvault.note_action(p_action text, p_by text, p_details jsonb default '{}')
returns void
language sql
as $$
insert into mailvault.audit (action, done_by, details)
values (p_action, p_by, jsonb_strip_nulls(p_details));
$$;

comment on function mailvault.note_action is 'Takes down what an operator did.';

drop function mailvault.retry(bigint[], boolean, bigint);

create function mailvault.retry(
    p_jobs bigint[] default null,
    p_reset boolean default false,
    p_limit bigint default null,
    p_reason text default null,
    p_batch bigint default null,
    p_by text default session_user
)
returns bigint
language plpgsql
as $$
declare
    v_batches bigint[];
    v_reasons text[];
    v_cleared boolean[];
    v_sent bigint;
begin
    with chosen as materialized (
        select d.job_id
        from mailvault.dead_letter as d
        where
            -- What was cleared is sent again only by its number.
            case when p_jobs is null then d.cleared_at is null else d.job_id = any(p_jobs) end
            and (p_reason is null or d.reason = p_reason)
            and (p_batch is null or d.batch_id = p_batch)
        order by d.job_id
        limit p_limit
        for update
    ),

    gone as (
        delete from mailvault.dead_letter as d
        where d.job_id = any(array(select chosen.job_id from chosen))
        returning d.job_id, d.batch_id, d.attempts, d.reason, d.cleared_at
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

    select array_agg(gone.batch_id), array_agg(gone.reason), array_agg(gone.cleared_at is not null)
    into v_batches, v_reasons, v_cleared
    from gone;
    v_sent := coalesce(cardinality(v_batches), 0);

    perform mailvault.count_up(
        d.batch_id,
        p_dead => -count(*),
        p_cleared => -count(*) filter (where d.cleared),
        p_reason => d.reason
    )
    from unnest(v_batches, v_reasons, v_cleared) as d (batch_id, reason, cleared)
    group by d.batch_id, d.reason;
    if p_by is not null then
        perform mailvault.note_action('retry', p_by, jsonb_build_object(
            'sent', v_sent, 'jobs', to_jsonb(p_jobs), 'reason', p_reason, 'batch', p_batch,
            'limit', p_limit, 'reset', p_reset
        ));
    end if;
    perform mailvault.wake();
    return v_sent;
end
$$;

comment on function mailvault.retry is
'Sends dead letters back to the outbox, for one more attempt or, with p_reset, for all again; '
'those of some jobs, of a reason, of a batch, or all that are not cleared. Returns how many.';

create function mailvault.clear(
    p_jobs bigint[] default null,
    p_reason text default null,
    p_batch bigint default null,
    p_by text default session_user,
    p_until timestamptz default 'infinity'
)
returns bigint
language plpgsql
as $$
declare
    v_cleared bigint;
begin
    with cleared as (
        update mailvault.dead_letter as d
        set cleared_at = now(), cleared_by = p_by
        where
            d.cleared_at is null
            and d.died_at <= p_until
            and (p_jobs is null or d.job_id = any(p_jobs))
            and (p_reason is null or d.reason = p_reason)
            and (p_batch is null or d.batch_id = p_batch)
        returning d.batch_id, d.reason
    ),

    counted as (
        select
            count(*) as letters,
            mailvault.count_up(
                cleared.batch_id, p_cleared => count(*), p_reason => cleared.reason
            )
        from cleared
        group by cleared.batch_id, cleared.reason
    )

    select coalesce(sum(counted.letters), 0) into v_cleared from counted;

    perform mailvault.note_action('clear', p_by, jsonb_build_object(
        'cleared', v_cleared, 'jobs', to_jsonb(p_jobs), 'reason', p_reason, 'batch', p_batch
    ));
    return v_cleared;
end
$$;

comment on function mailvault.clear is
'Has some dead letters listed no longer, of those that died until p_until: their emails stay where '
'they are. Returns how many.';

create or replace function mailvault.absorb(p_limit integer default 1000)
returns bigint
language plpgsql
as $$
declare
    v_keys text[];
    v_kinds text[];
    v_part_keys text[];
    v_done bigint[];
    v_dead bigint[];
    v_known text[];
    v_selected text[];
    v_old text[];
    v_new text[];
    v_busy text[];
    v_absorbed bigint;
begin
    -- Several workers do this at once, each with rows of its own.
    with chosen as materialized (
        select c.id from mailvault.change as c order by c.id limit p_limit for update skip locked
    ),

    gone as (
        delete from mailvault.change as c
        where c.id = any(array(select chosen.id from chosen))
        returning c.email_key, c.kind, c.part_key
    )

    select array_agg(gone.email_key), array_agg(gone.kind), array_agg(gone.part_key), count(*)
    into v_keys, v_kinds, v_part_keys, v_absorbed
    from gone;
    if v_absorbed = 0 then
        return 0;
    end if;

    -- In the order of their keys: two who absorb changes of the same emails cannot deadlock. The
    -- second finds what the first made of them, in a statement of its own.
    perform from mailvault.job as j
    where j.email_key = any(v_keys)
    order by j.id
    for no key update;

    -- What the source has of them; the rest was deleted since.
    select array_agg(k.key), array_agg(k.key) filter (where k.selected)
    into v_known, v_selected
    from mailvault.known_keys(v_keys) as k;

    -- Who holds a lease may have read what was there before: such emails wait until it ends. Those
    -- in the outbox will be read as they are now. All from one snapshot, in which a job is in one
    -- place.
    select
        array_agg(s.id) filter (where s.place = 'done'),
        array_agg(s.id) filter (where s.place = 'dead'),
        array_agg(s.email_key) filter (where s.place = 'leased'),
        array_agg(s.email_key)
    into v_done, v_dead, v_busy, v_old
    from (
        select
            j.id,
            j.email_key,
            case
                when exists (select from mailvault.lease as l where l.job_id = j.id) then 'leased'
                when exists (select from mailvault.dead_letter as d where d.job_id = j.id)
                    then 'dead'
                when exists (
                    select from mailvault.outbox as o
                    where o.priority = j.priority and o.job_id = j.id
                ) then 'ready'
                when exists (select from mailvault.delayed as w where w.job_id = j.id)
                    then 'ready'
                else 'done'
            end as place
        from mailvault.job as j
        where j.email_key = any(v_known)
    ) as s;
    v_new := array(
        select k.key
        from unnest(v_selected) as k (key)
        where k.key <> all(coalesce(v_old, '{}'))
    );

    insert into mailvault.change (email_key, kind, part_key)
    select distinct c.email_key, c.kind, c.part_key
    from unnest(v_keys, v_kinds, v_part_keys) as c (email_key, kind, part_key)
    where c.email_key = any(v_busy);
    get diagnostics v_absorbed = row_count;
    v_absorbed := cardinality(v_keys) - v_absorbed;

    delete from mailvault.shared_part as s
    using unnest(v_kinds, v_part_keys) as c (kind, part_key)
    where s.kind = c.kind and s.part_key = c.part_key;

    perform mailvault.redispatch(v_done);
    perform mailvault.retry(v_dead, true, p_by => null) where cardinality(v_dead) > 0;
    perform mailvault.count_up(0, p_dispatched => mailvault.dispatch(0, 1, v_new))
    where cardinality(v_new) > 0;
    perform mailvault.wake();
    return v_absorbed;
end
$$;

comment on function mailvault.absorb is
'Takes up what the application changed: dispatches new emails, and changed ones again; returns how '
'many changes that were, without those that must wait for a lease to end.';

create or replace view mailvault.failures as
select
    d.job_id as job,
    j.email_key as email,
    d.batch_id as batch,
    d.reason,
    d.message,
    d.attempts,
    d.died_at
from mailvault.dead_letter as d
inner join mailvault.job as j on d.job_id = j.id
where d.cleared_at is null;

comment on view mailvault.failures is
'Dead letters with the email and the reason, but for those that were cleared.';
