-- A shared part that changed is forgotten, whoever may have read it before; a change that cannot be
-- taken up is set aside; in a deadlock the application is not the victim.

alter table mailvault.change add column seen_at timestamptz;
comment on column mailvault.change.seen_at is
'Of a part that emails share: when a worker saw it first; it stays for the leases from before.';

alter table mailvault.missed_change add column email_key text collate "C";
comment on table mailvault.missed_change is
'Changes that could not be noted, the first of each sort; and those that could not be taken up.';
comment on column mailvault.missed_change.email_key is
'Of a change that was noted, and could not be taken up: the email.';

do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid
        from pg_proc as p
        where p.pronamespace = 'mailvault'::regnamespace and p.proname in ('ack', 'nack', 'reap')
    loop
        execute format('alter function %s set lock_timeout = %L', v_function, '500ms');
    end loop;
end
$$;

create function mailvault.take_up(p_changes bigint[])
returns bigint
language plpgsql
as $$
declare
    v_keys text[];
    v_kinds text[];
    v_part_keys text[];
    v_seen timestamptz[];
    v_oldest timestamptz;
    v_done bigint[];
    v_dead bigint[];
    v_known text[];
    v_selected text[];
    v_old text[];
    v_new text[];
    v_busy text[];
    v_absorbed bigint;
begin
    with gone as (
        delete from mailvault.change as c
        where c.id = any(p_changes)
        returning c.email_key, c.kind, c.part_key, c.seen_at
    )

    select
        array_agg(gone.email_key),
        array_agg(gone.kind),
        array_agg(gone.part_key),
        array_agg(coalesce(gone.seen_at, clock_timestamp())),
        count(*)
    into v_keys, v_kinds, v_part_keys, v_seen, v_absorbed
    from gone;

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

    -- Whoever had a lease when a shared part was first seen here may have read it before it changed,
    -- whether an email has it still or not, and will say where that is stored.
    v_oldest := (select min(l.leased_at) from mailvault.lease as l);

    insert into mailvault.change (email_key, kind, part_key, seen_at)
    select w.email_key, w.kind, w.part_key, max(w.seen_at)
    from (
        select
            case when c.email_key = any(v_busy) then c.email_key end as email_key,
            case when c.seen_at >= v_oldest then c.kind end as kind,
            case when c.seen_at >= v_oldest then c.part_key end as part_key,
            case when c.kind is not null then c.seen_at end as seen_at
        from unnest(v_keys, v_kinds, v_part_keys, v_seen) as c (email_key, kind, part_key, seen_at)
    ) as w
    where w.email_key is not null or w.kind is not null
    group by w.email_key, w.kind, w.part_key;
    get diagnostics v_absorbed = row_count;
    v_absorbed := cardinality(v_keys) - v_absorbed;

    -- In a statement after that about the leases: what their holders recorded is seen by now.
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

comment on function mailvault.take_up is
'Takes up some changes that the caller has locked; returns how many that were, without those that '
'must wait for a lease to end.';

create function mailvault.is_of_rows(p_sqlstate text)
returns boolean
language sql immutable
as $$ select p_sqlstate !~ '^(0A|08|25|28|3F|40|42|53|55|57|58)' $$;

comment on function mailvault.is_of_rows is
'Whether an error is of the data, so that other rows may pass; as mailvault.faults has it.';

create function mailvault.absorb_all(p_changes bigint[])
returns bigint
language plpgsql
as $$
declare
    v_middle integer := cardinality(p_changes) / 2;
    v_message text;
begin
    begin
        return mailvault.take_up(p_changes);
    exception
        when others then
            if not mailvault.is_of_rows(sqlstate) then
                raise;
            end if;
            v_message := sqlerrm;
    end;
    if v_middle > 0 then
        return mailvault.absorb_all(p_changes[:v_middle])
            + mailvault.absorb_all(p_changes[v_middle + 1:]);
    end if;

    -- It would come first again and again; the doctor shows it, and how to put it back.
    with gone as (
        delete from mailvault.change as c
        where c.id = any(p_changes)
        returning c.email_key
    )

    insert into mailvault.missed_change (table_name, message, email_key)
    select 'mailvault.change', v_message, gone.email_key
    from gone
    where not exists (
        select from mailvault.missed_change as m where m.email_key = gone.email_key
    );
    return 1;
end
$$;

comment on function mailvault.absorb_all is
'Takes up some changes, and sets those aside that cannot be; returns how many that were.';

create or replace function mailvault.absorb(p_limit integer default 1000)
returns bigint
language plpgsql
as $$
declare
    -- Several workers do this at once, each with rows of its own.
    v_changes bigint[] := array(
        select c.id from mailvault.change as c order by c.id limit p_limit for update skip locked
    );
begin
    if v_changes = '{}' then
        return 0;
    end if;
    return mailvault.absorb_all(v_changes);
end
$$;

comment on function mailvault.absorb is
'Takes up what the application changed: dispatches new emails, and changed ones again; returns how '
'many changes that were, without those that must wait for a lease to end.';

create or replace function mailvault.enlist(p_every interval, p_limit integer default 10000)
returns bigint
language plpgsql
-- As for enqueue_chunk.
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_policy mailvault.policy;
    v_keys text[];
    v_found bigint;
begin
    if not mailvault.source_has_policy() then
        return 0;
    end if;
    -- One worker at a time; the others have better things to do than to wait for it.
    select * into v_policy from mailvault.policy for update skip locked;
    if not found or (v_policy.position is null and v_policy.looked_at > now() - p_every) then
        return 0;
    end if;
    begin
        v_keys := array(
            select n.key
            from mailvault.next_keys(null, null, null, v_policy.position, p_limit) as n
        );
    exception
        when others then
            if not mailvault.is_of_rows(sqlstate) then
                raise;
            end if;
            -- Workers have other mail to move; they try again, and the doctor shows it meanwhile.
            raise warning 'no mail was looked for that is eligible: %', sqlerrm;
            insert into mailvault.missed_change (table_name, message)
            select 'eligible', sqlerrm
            where not exists (
                select from mailvault.missed_change as m
                where m.table_name = 'eligible' and m.message = sqlerrm
            );
            return 0;
    end;
    v_found := cardinality(v_keys);
    perform mailvault.count_up(
        0, p_dispatched => mailvault.dispatch(
            0, 5, array(
                select k.key
                from unnest(v_keys) as k (key)
                where not exists (select from mailvault.job as j where j.email_key = k.key)
            )
        )
    );
    update mailvault.policy
    set
        position = case when v_found = p_limit then v_keys[v_found] end,
        looked_at = now();
    perform mailvault.wake();
    return v_found;
end
$$;

comment on function mailvault.enlist is
'Dispatches up to p_limit emails that have become eligible, if the mapping says which those are '
'and the last walk through the mail was p_every ago; returns how many it looked at.';
