-- The schema as it is after all migrations, to be read from here: each file is one stretch of the
-- road that an email takes. `psql -f sql/schema.sql` makes the same database as `mailvault init`,
-- less the views of the source, which come from the mapping; a test compares the two.

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

\ir schema/tables.sql
\ir schema/workers.sql
\ir schema/enqueue.sql
\ir schema/settle.sql
\ir schema/claim.sql
\ir schema/recover.sql
\ir schema/failures.sql
\ir schema/live.sql
\ir schema/control.sql
\ir schema/pace.sql
\ir schema/views.sql
