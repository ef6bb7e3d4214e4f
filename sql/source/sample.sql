-- Some rows, from pages anywhere in the table: a large one is not read through.
select {sampled}
from {table} tablesample system ({percent})
limit 100;
