-- The estimate, and the view that shows it.

create function mailvault.pace(p_batches bigint[])
returns table (
    seconds float, emails bigint, bytes bigint, spread float, until timestamptz
)
language sql stable
as $$
with seen as (
    select
        s.sampled_at,
        s.taken_at,
        s.working,
        s.processed + s.dead as emails,
        s.source_bytes as bytes,
        lag(s.taken_at) over w as taken_before,
        lag(s.processed + s.dead) over w as emails_before,
        lag(s.source_bytes) over w as bytes_before
    from unnest(p_batches) as b (id)
    cross join
        lateral (
            select *
            from mailvault.sample as r
            where r.batch_id = b.id
            order by r.sampled_at desc
            limit 240  -- twenty minutes: what went before says nothing of what is to come
        ) as s
    window w as (partition by s.batch_id order by s.sampled_at)
),

-- Five seconds each, and none in which nobody worked: pauses, faults, nights.
step as (
    select
        s.sampled_at,
        max(s.taken_at) as taken_at,
        extract(epoch from max(s.taken_at - s.taken_before))::float as seconds,
        greatest(sum(s.emails - s.emails_before), 0)::float as emails,
        greatest(sum(s.bytes - s.bytes_before), 0)::float as bytes
    from seen as s
    where s.working > 0 and s.taken_at - s.taken_before <= interval '15 seconds'
    group by s.sampled_at
    having max(s.taken_at - s.taken_before) > interval '0'
),

-- Each with what is newer: all of it, and the next three; and with the three that end with it.
compared as (
    select
        s.*,
        coalesce(sum(s.seconds) over newer, 0) as seconds_newer,
        coalesce(sum(s.emails) over newer, 0) as emails_newer,
        sum(s.emails) over next_three as n_next,
        sum(s.seconds) over next_three as s_next,
        var_samp(s.emails / s.seconds) over next_three as v_next,
        sum(s.emails) over last_three as n_last,
        sum(s.seconds) over last_three as s_last,
        var_samp(s.emails / s.seconds) over last_three as v_last
    from step as s
    window
        newer as (order by s.sampled_at desc rows between unbounded preceding and 1 preceding),
        next_three as (order by s.sampled_at desc rows between 3 preceding and 1 preceding),
        last_three as (order by s.sampled_at desc rows between current row and 2 following)
),

-- A minute of work and 200 emails; but where the rate changed by more than 30%, and by more than
-- chance would have it, only what came after. Chance is in what is counted, three standard
-- deviations of it, and in how large the emails are: twice that from one step to the next.
judged as (
    select
        c.*,
        c.seconds_newer < 60 or c.emails_newer < 200 as wanted,
        bool_or(
            c.seconds_newer >= 12
            and abs(c.n_next / c.s_next - c.n_last / c.s_last)
            > greatest(
                0.3 * greatest(c.n_next / c.s_next, c.n_last / c.s_last),
                3 * sqrt(c.n_next / c.s_next ^ 2 + c.n_last / c.s_last ^ 2),
                2 * sqrt(c.v_next + c.v_last)
            )
        ) over (order by c.sampled_at desc) as changed_since
    from compared as c
)

select
    sum(j.seconds),
    sum(j.emails)::bigint,
    sum(j.bytes)::bigint,
    -- The rate's standard error, as a part of it: by how it differs from step to step, or by
    -- chance alone.
    greatest(
        stddev_samp(j.emails / j.seconds) / sqrt(count(*)) / nullif(avg(j.emails / j.seconds), 0),
        1 / sqrt(nullif(sum(j.emails), 0))
    ),
    max(j.taken_at)
from judged as j
where j.wanted and not coalesce(j.changed_since, false);
$$;

comment on function mailvault.pace is
'Emails and bytes of some batches in their latest seconds of work; spread is the standard error of '
'the rate as a part of it, until the end of these seconds. All NULL where there are none.';

create function mailvault.time_left(
    p_emails bigint,
    p_bytes bigint,
    p_pace_seconds float,
    p_pace_emails bigint,
    p_pace_bytes bigint
)
returns float
language sql immutable
as $$
select case
    -- Too little was seen to tell.
    when p_pace_seconds < 12 or p_pace_emails < 10 and p_pace_seconds < 60 then null
    when p_emails <= 0 then 0
    else
        greatest(
            p_emails * p_pace_seconds / nullif(p_pace_emails, 0),
            p_bytes * p_pace_seconds / nullif(p_pace_bytes, 0)
        )
end;
$$;

comment on function mailvault.time_left is
'Seconds of work, by emails or by bytes, whichever is longer; NULL where it cannot be told yet.';

create or replace view mailvault.progress as
with counted as (
    select
        t.batch_id,
        sum(t.processed)::bigint as processed,
        sum(t.dead)::bigint as failed,
        sum(t.delayed)::bigint as delayed,
        sum(t.parts)::bigint as parts,
        sum(t.bytes)::bigint as bytes,
        max(t.changed_at) as changed_at,
        sum(t.dispatched)::bigint as dispatched,
        sum(t.cancelled)::bigint as cancelled,
        sum(t.source_bytes)::bigint as moved_bytes
    from mailvault.tally as t
    group by t.batch_id
),

leased as (
    select l.batch_id, count(*) as leased
    from mailvault.lease as l
    group by l.batch_id
),

summed as (
    select
        b.id as batch,
        b.state,
        -- Less what was cancelled: it has no job any more, and there is nothing to do for it.
        greatest(b.total, b.dispatched) + coalesce(c.dispatched - c.cancelled, 0) as total,
        b.dispatched + coalesce(c.dispatched - c.cancelled, 0) as dispatched,
        coalesce(c.cancelled, 0) as cancelled,
        coalesce(c.processed, 0) as processed,
        coalesce(c.failed, 0) as failed,
        coalesce(c.processed + c.failed, 0) as done,
        coalesce(c.delayed, 0) as delayed,
        coalesce(l.leased, 0) as leased,
        coalesce(c.parts, 0) as parts,
        coalesce(c.bytes, 0) as bytes,
        b.created_at,
        b.started_at,
        c.changed_at,
        b.source_bytes,
        coalesce(c.moved_bytes, 0) as moved_bytes
    from mailvault.batch as b
    left join counted as c on b.id = c.batch_id
    left join leased as l on b.id = l.batch_id
    -- The application's own batch shows when it has used it.
    where b.id > 0 or c.dispatched > 0
),

timed as (
    select
        s.*,
        s.total = s.done and s.state not in ('enqueuing', 'cancelling') as finished,
        case when s.total = s.done then s.changed_at else now() end - s.started_at as elapsed,
        -- What failed for good is finished, and what it would have taken is not to come.
        (s.source_bytes * (1 - s.failed::float / nullif(s.total, 0)))::bigint
        - s.moved_bytes as bytes_left,
        p.seconds as pace_seconds,
        p.emails as pace_emails,
        p.bytes as pace_bytes,
        p.until > now() - interval '1 minute' as is_moving
    from summed as s
    left join
        lateral mailvault.pace(array[s.batch]) as p
        on s.total > s.done
)

select
    t.batch,
    case
        when t.state in ('enqueuing', 'cancelling', 'cancelled') then t.state
        when t.finished then 'finished'
        when t.started_at is null then 'waiting'
        else 'running'
    end as state,
    t.total,
    t.dispatched,
    t.processed,
    t.failed,
    t.total - t.done as remaining,
    t.dispatched - t.done - t.delayed - t.leased as ready,
    t.delayed,
    t.leased,
    t.parts,
    t.bytes,
    -- Cut and not rounded: 100 only when it is so.
    trunc(100.0 * t.done / nullif(t.total, 0), 2) as completion_pct,
    trunc(100.0 * t.processed / nullif(t.done, 0), 2) as success_pct,
    round(
        60 * case
            when t.finished then t.done / nullif(extract(epoch from t.elapsed), 0)
            when t.is_moving then (t.pace_emails / t.pace_seconds)::numeric
        end, 1
    ) as per_minute,
    t.created_at,
    t.started_at,
    t.changed_at,
    t.elapsed,
    make_interval(
        secs => round(
            mailvault.time_left(
                t.total - t.done, t.bytes_left, t.pace_seconds, t.pace_emails, t.pace_bytes
            )
        )
    ) as time_left,
    t.cancelled,
    t.source_bytes,
    t.bytes_left
from timed as t;

comment on view mailvault.progress is
'How far each batch is: exact counts, rate, and the time of work that is left.';

create or replace view mailvault.throughput as
with seen as (
    select s.batch_id, s.sampled_at, s.processed, s.dead, s.bytes
    from mailvault.sample as s
    where s.sampled_at >= date_trunc('minute', now()) - interval '1 day'
    union all
    -- And what the first of them is compared with.
    select b.id, e.sampled_at, e.processed, e.dead, e.bytes
    from mailvault.batch as b
    cross join
        lateral (
            select r.sampled_at, r.processed, r.dead, r.bytes
            from mailvault.sample as r
            where
                r.batch_id = b.id
                and r.sampled_at < date_trunc('minute', now()) - interval '1 day'
            order by r.sampled_at desc
            limit 1
        ) as e
),

minutes as (
    select
        s.batch_id,
        date_trunc('minute', s.sampled_at) as minute,
        max(s.processed) as processed,
        max(s.dead) as dead,
        max(s.bytes) as bytes
    from seen as s
    group by s.batch_id, date_trunc('minute', s.sampled_at)
),

compared as (
    select
        m.batch_id as batch,
        m.minute,
        m.processed - lag(m.processed, 1, 0::bigint) over w as processed,
        m.dead - lag(m.dead, 1, 0::bigint) over w as failed,
        m.bytes - lag(m.bytes, 1, 0::bigint) over w as bytes
    from minutes as m
    window w as (partition by m.batch_id order by m.minute)
)

select c.batch, c.minute, c.processed, c.failed, c.bytes
from compared as c
where c.minute >= date_trunc('minute', now()) - interval '1 day';

comment on view mailvault.throughput is
'Emails and bytes stored in each minute of the last day, of each batch.';

drop view mailvault.shared_objects;

create function mailvault.shared_objects()
returns table (key text, size bigint, parts bigint, bytes_saved bigint)
language sql stable
as $$
select o.key, o.size, p.parts, o.size * (p.parts - 1)
from (
    select s.object_key, count(*) as parts
    from mailvault.part as s
    group by s.object_key
    having count(*) > 1
) as p
inner join mailvault.object as o on p.object_key = o.key;
$$;

comment on function mailvault.shared_objects is
'Objects that hold several parts, with their number: none may be deleted before the last of them. '
'No view, since it walks the whole ledger.';
