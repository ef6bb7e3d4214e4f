select
    {email} as email_key,
    {kind}::text as kind,
    {key}::text as part_key,
    {size}::bigint as size,
    {in_table} as in_table,
    {content} as content,
    {path}::text as path,
    {filename}::text as filename,
    {content_type}::text as content_type
from {table} as t
where {present}
