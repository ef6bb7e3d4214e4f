-- What becomes of dead letters: sent round again, or cleared away.

create function mailvault.note_action(p_action text, p_by text, p_details jsonb default '{}')
returns void
language sql
as $$
insert into mailvault.audit (action, done_by, details)
values (p_action, p_by, jsonb_strip_nulls(p_details));
$$;

comment on function mailvault.note_action is 'Takes down what an operator did.';

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
