do $$
declare
    v_trigger record;
    v_function regprocedure;
begin
    for v_trigger in
        select t.tgname, t.tgrelid::regclass as table_name
        from pg_trigger as t
        where t.tgname like 'mailvault\_live\_%' and t.tgparentid = 0
    loop
        execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.table_name);
    end loop;

    for v_function in
        select p.oid
        from pg_proc as p
        where p.pronamespace = 'mailvault'::regnamespace and p.proname like 'live\_%'
    loop
        execute format('drop function %s', v_function);
    end loop;
end
$$;
