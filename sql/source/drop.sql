-- The mapping may have a key of another type now, which nothing can be replaced with.
do $$
declare
    v_function regprocedure;
    v_type regtype;
begin
    for v_function in
        select p.oid
        from pg_proc as p
        where
            p.pronamespace = 'mailvault'::regnamespace
            and (
                p.proname in ('candidates', 'selection', 'next_keys', 'known_keys', 'parts_of')
                or p.proname like 'source\_%'
            )
    loop
        execute format('drop function %s', v_function);
    end loop;
    drop view if exists mailvault.source_part;
    drop view if exists mailvault.source_email;

    for v_type in
        select t.oid
        from pg_type as t
        inner join pg_class as c on t.typrelid = c.oid
        where t.typnamespace = 'mailvault'::regnamespace and c.relkind = 'c'
    loop
        execute format('drop type %s', v_type);
    end loop;
end
$$;
