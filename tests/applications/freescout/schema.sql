-- FreeScout 1.8.235 on PostgreSQL: threads (bodies) and attachments (files on disk).
--
-- Release: tag 1.8.235, commit ab2772536811d5de6e23121c5d086aeb50f3db2c (2026-08-15), read in a snapshot
--   of github freescout-help-desk/freescout (branch dist).
-- Source files: database/migrations/2018_07_12_003318, 2018_08_04_063414, 2018_12_15_151003,
--   2019_06_21_130200, 2020_03_06_100100, 2020_11_04_140000, 2020_12_30_010000, 2024_06_18_010101,
--   2026_04_04_010101 (attachments.public became token_type), 2026_04_20_010101; defaults from
--   app/Thread.php; the SQL that they make on PostgreSQL from
--   vendor/laravel/framework/src/Illuminate/Database/Schema/Grammars/PostgresGrammar.php (5.5.40).
-- Left out: all other tables. No foreign keys and no stubs: FreeScout declares none on these tables.
-- Before 2026-04 attachments had "public boolean not null default false" in place of token_type.
-- Columns stand in the order of the migrations, as PostgreSQL adds them (after() is for MySQL).

create table "threads" (
    "id" serial primary key not null,
    "conversation_id" integer not null,
    "user_id" integer null,
    "type" smallint not null,
    "status" smallint not null default '1',
    "state" smallint not null default '1',
    "action_type" smallint null,
    "action_data" varchar(255) null,
    "body" text null,
    "headers" text null,
    "from" varchar(191) null,
    "to" text null,
    "cc" text null,
    "bcc" text null,
    "has_attachments" boolean not null default '0',
    "message_id" varchar(998) null,
    "source_via" smallint not null,
    "source_type" smallint not null,
    "customer_id" integer null,
    "created_by_user_id" integer null,
    "created_by_customer_id" integer null,
    "edited_by_user_id" integer null,
    "edited_at" timestamp(0) without time zone null,
    "body_original" text null,
    "first" boolean not null default '0',
    "saved_reply_id" integer null,
    "send_status" smallint null,
    "opened_at" timestamp(0) without time zone null,
    "created_at" timestamp(0) without time zone null,
    "updated_at" timestamp(0) without time zone null,
    "send_status_data" text null,
    "subtype" smallint null,
    "meta" text null,
    "imported" boolean not null default '0'
);
alter table "threads" add constraint "threads_message_id_index" unique ("message_id");
create index "threads_conversation_id_type_from_customer_id_index"
on "threads" ("conversation_id", "type", "from", "customer_id");
create index "threads_conversation_id_created_at_index" on "threads" ("conversation_id", "created_at");
create index "threads_created_at_index" on "threads" ("created_at");
create index "threads_type_state_created_at_index" on "threads" ("type", "state", "created_at");
create index "threads_created_by_user_id_created_at_index" on "threads" ("created_by_user_id", "created_at");

create table "attachments" (
    "id" serial primary key not null,
    "thread_id" integer null,
    "user_id" integer null,
    "file_dir" varchar(20) null,
    "file_name" varchar(255) not null,
    "mime_type" varchar(127) not null,
    "type" integer not null,
    "size" integer null,
    "embedded" boolean not null default '0',
    "token_type" smallint not null default '3'
);
create index "attachments_thread_id_embedded_index" on "attachments" ("thread_id", "embedded");
