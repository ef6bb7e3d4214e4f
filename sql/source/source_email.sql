create view mailvault.source_email as
select
    t.{key} as key,
    {received} as received_at,
    ({filter}) as selected
from {table} as t;

comment on view mailvault.source_email is
'The application''s emails: key, when received, and whether enqueue looks at them.';
