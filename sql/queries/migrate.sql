-- name: lock
-- One migrator at a time; the others wait here and then find the work done. Held to the end of
-- the transaction, so that a pooler in transaction mode does no harm. The number is arbitrary.
select pg_advisory_xact_lock(7239104621);

-- name: is_initialised
select to_regclass('mailvault.schema_version') is not null;

-- name: version
select coalesce(max(version), 0) from mailvault.schema_version;

-- name: record
insert into mailvault.schema_version (version, name) values (%(version)s, %(name)s);

-- name: has_source
-- Migrations alone are not enough to work: init also makes the views of the mapping.
select to_regclass('mailvault.source_part') is not null;
