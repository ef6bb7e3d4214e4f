-- Some rows, from pages anywhere in the table: a large one is not read through. They are the same
-- each time.
select {sampled}
from {table} tablesample system ({percent}) repeatable (0)
limit 100;
