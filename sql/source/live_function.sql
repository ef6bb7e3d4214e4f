-- It runs in the application's own transactions: it reads the rows that changed, adds rows to one
-- table and waits for nobody. What goes wrong here is kept for the operator, and nothing else comes
-- of it. It has the rights of its owner, so that it looks for nothing among temporary types, which
-- are the application's, before it has looked everywhere else.
create function {function}()
returns trigger
language plpgsql
security definer
set search_path = {search_path}
as $$
begin
    if tg_op = 'INSERT' then
        insert into mailvault.change (email_key, kind, part_key)
        {inserted};
    elsif tg_op = 'UPDATE' then
        -- Most updates are of flags that mail has nothing to do with.
        if {changed} then
            insert into mailvault.change (email_key, kind, part_key)
            {updated};
        end if;
    else
        insert into mailvault.change (email_key, kind, part_key)
        {deleted};
    end if;
    return null;
exception
    when others then
        begin
            if not exists (
                select from mailvault.missed_change as m
                where
                    m.table_name = tg_relid::pg_catalog.regclass::pg_catalog.text
                    and m.message = sqlerrm
            ) then
                insert into mailvault.missed_change (table_name, message)
                values (tg_relid::pg_catalog.regclass::pg_catalog.text, sqlerrm);
            end if;
        exception
            when others then
                raise warning 'mailvault could not note a change: %', sqlerrm;
        end;
        return null;
end
$$;

comment on function {function} is
'Notes which emails the application changed, for workers to take up.';
