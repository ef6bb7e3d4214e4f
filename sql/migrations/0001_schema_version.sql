-- What the runner needs before anything else.

create schema mailvault;
comment on schema mailvault is 'Moves email bodies and attachments to S3: queue, ledger, views.';

create table mailvault.schema_version (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);

comment on table mailvault.schema_version is 'The migrations that were applied.';
comment on column mailvault.schema_version.version is 'The number in front of the file''s name.';
comment on column mailvault.schema_version.name is 'The rest of the file''s name.';
comment on column mailvault.schema_version.applied_at is 'When it was applied.';
