(
    select n.*
    from new_rows as n
    where
        not exists (
            select 1
            from old_rows as o
            where {same}
        )
    union all
    select o.*
    from old_rows as o
    where
        not exists (
            select 1
            from new_rows as n
            where {same}
        )
)
