create view mailvault.source_part as
{parts};

comment on view mailvault.source_part is
'The bodies and attachments of the application''s emails, with the bytes or the path to them.';
