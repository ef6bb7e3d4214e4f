-- Anyone's schema: parts that several emails share, and keys of several columns.

create table mailvault.shared_part (
    kind text,
    part_key text collate "C",
    object_key text collate "C" not null,
    primary key (kind, part_key)
);

comment on table mailvault.shared_part is
'Where parts that emails share are stored, so that they are read and sent once.';
comment on column mailvault.shared_part.kind is 'What the mapping calls this sort of part.';
comment on column mailvault.shared_part.part_key is 'The key of its row in the source.';
comment on column mailvault.shared_part.object_key is 'The object.';

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

-- The order is the mapping's to say: one on all columns of a key is found by its index only if they
-- are named one by one.
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
        select n.key
        from mailvault.next_keys(
            v_batch.since, v_batch.until, v_batch.email_keys, v_batch.position, v_limit
        ) as n
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
