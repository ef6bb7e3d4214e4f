select
    {email} as email_key{email_columns},
    {kind}::text as kind,
    {key}::text as part_key,
    {size}::bigint as size,
    {in_table} as in_table,
    {content} as content,
    {large_object} as large_object,
    {path}::text as path,
    {encoding} as encoding,
    {filename} as filename,
    {content_type} as content_type,
    {object_key} as object_key,
    {shared} as is_shared
from {tables}
where {has_key} and {present} and {filter}
