-- A Laravel application as in the quick start (emails, files), as Laravel's migrations make it.
--
-- There is no such application to read: the columns are those of sql/example.sql (the quick start), written
-- as a Laravel migration would say them, with timestamps(). The SQL form is Laravel's own:
-- Release: laravel/framework tag v11.44.2, commit f85216c82cbd38b66d67ebd20ea762cb3751a4b4.
-- Source files: src/Illuminate/Database/Schema/Grammars/PostgresGrammar.php (bigserial primary key,
--   varchar(n), timestamp(0) without time zone), .../Schema/Blueprint.php (id, foreignId, timestamps,
--   createIndexName), .../Grammars/Grammar.php (compileForeign).
-- Differs from sql/example.sql: serial keys in place of identity, no time zones, created_at/updated_at,
--   varchar(255), the names of constraints and indexes.

create table "emails" (
    "id" bigserial not null primary key,
    "subject" varchar(255) null,
    "sender" varchar(255) null,
    "recipients" text null,
    "body" text null,
    "received_at" timestamp(0) without time zone not null default CURRENT_TIMESTAMP,
    "is_migrated" boolean not null default '0',
    "migration_attempts" integer not null default '0',
    "migration_error" text null,
    "body_s3_path" varchar(255) null,
    "created_at" timestamp(0) without time zone null,
    "updated_at" timestamp(0) without time zone null
);
create index "emails_is_migrated_migration_attempts_id_index"
on "emails" ("is_migrated", "migration_attempts", "id");

create table "files" (
    "id" bigserial not null primary key,
    "email_id" bigint not null,
    "filename" varchar(255) null,
    "content_type" varchar(255) null,
    "size" bigint null,
    "local_path" varchar(255) null,
    "s3_path" varchar(255) null,
    "created_at" timestamp(0) without time zone null,
    "updated_at" timestamp(0) without time zone null
);
alter table "files" add constraint "files_email_id_foreign"
foreign key ("email_id") references "emails" ("id") on delete cascade;
create index "files_email_id_index" on "files" ("email_id");
