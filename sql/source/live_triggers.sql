-- By the statement, not by the row; what mailvault writes itself is no change.
create trigger mailvault_live_insert
after insert on {table}
referencing new table as new_rows
for each statement
when (current_setting('mailvault.writes', true) is distinct from 'on')
execute function {function}();

create trigger mailvault_live_update
after update on {table}
referencing old table as old_rows new table as new_rows
for each statement
when (current_setting('mailvault.writes', true) is distinct from 'on')
execute function {function}();

create trigger mailvault_live_delete
after delete on {table}
referencing old table as old_rows
for each statement
when (current_setting('mailvault.writes', true) is distinct from 'on')
execute function {function}();
