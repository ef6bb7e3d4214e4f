-- How many of the values that were sampled are keys of another table.
select
    count(*) as sampled,
    count(*) filter (where {is_key}) as found
from (
    select t.*
    from (select * from {table} tablesample system ({percent}) repeatable (0) limit 1000) as t
    where {present}
    limit 100
) as t;
