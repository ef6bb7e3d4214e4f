-- How fast it goes, from the samples: all who ask get the same answer.

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
