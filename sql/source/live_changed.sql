(
    select n.*
    from new_rows as n
    where {new_is_other}
    union all
    select n.*
    from old_rows as n
    where {old_is_other}
)
