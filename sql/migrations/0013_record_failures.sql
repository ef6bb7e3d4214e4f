-- A failure is recorded, too, where a policy or a time limit keeps the application's row from being
-- marked: that may be the failure itself.

create or replace function mailvault.mark_emails(
    p_jobs bigint[],
    p_stored boolean,
    p_attempts integer[],
    p_messages text[] default null
)
returns void
language plpgsql
as $$
begin
    perform mailvault.source_mark_emails(
        array_agg((select j.email_key from mailvault.job as j where j.id = d.job_id)),
        p_stored, array_agg(d.attempts), array_agg(d.message)
    )
    from unnest(p_jobs, p_attempts, p_messages) as d (job_id, attempts, message);
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
