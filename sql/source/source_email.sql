create view mailvault.source_email as
select
    {key} as key{key_columns},
    {received} as received_at,
    {has_key} and {filter} and {eligible} as selected
from {table};

comment on view mailvault.source_email is
'The application''s emails: key, when received, and whether enqueue looks at them.';
