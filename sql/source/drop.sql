-- The mapping may have another key type now, which nothing can be replaced with.
drop function if exists mailvault.selection(timestamptz, timestamptz, text[], text);
drop function if exists mailvault.candidates(timestamptz, timestamptz, text[], text);
drop function if exists mailvault.source_mark_emails(text[], boolean, integer[], text[]);
drop function if exists mailvault.source_mark_parts(text[], text[], text[]);
drop view if exists mailvault.source_part;
drop view if exists mailvault.source_email;
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid
        from pg_proc as p
        where
            p.pronamespace = 'mailvault'::regnamespace
            and p.proname in ('source_key', 'source_text')
    loop
        execute format('drop function %s', v_function);
    end loop;
end
$$;
