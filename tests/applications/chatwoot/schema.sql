-- Chatwoot 4.11.0: messages, attachments and Rails Active Storage (with Action Mailbox for raw mail).
--
-- Release: 4.11.0, commit 2bd1d88d50d4f6543c8f0acbf1fe3251082f1a5e (2026-02-17, "Merge branch
--   'release/4.11.0'", upstream's merge into master), read in the history of the fork
--   Tecnologias-LAN/jabvox; config/app.yml says 4.11.0. That the tag v4.11.0 is this commit is not verified.
--   4.13.0 (e123a4e5001764ae132d0f4864b9ec03992c3eaf) has these six tables unchanged.
-- Source file: db/schema.rb (ActiveRecord::Schema[7.1], version 2026_01_30_061021). Rails is 7.1.5.2
--   (Gemfile.lock); rails/rails tag v7.1.5.2 says what the types are on PostgreSQL.
-- Left out: all other tables (inboxes, conversations, accounts, contacts, ...), whose ids appear here with
--   no foreign key: Chatwoot declares none from messages or attachments. No stubs are needed.
-- index_messages_on_content needs the extension pg_trgm; where the server has none it is left out.

create table messages (
    id serial primary key,
    content text,
    account_id integer not null,
    inbox_id integer not null,
    conversation_id integer not null,
    message_type integer not null,
    created_at timestamp without time zone not null,
    updated_at timestamp without time zone not null,
    private boolean default false not null,
    status integer default 0,
    source_id text,
    content_type integer default 0 not null,
    content_attributes json default '{}',
    sender_type character varying,
    sender_id bigint,
    external_source_ids jsonb default '{}',
    additional_attributes jsonb default '{}',
    processed_message_content text,
    sentiment jsonb default '{}'
);
create index index_messages_on_additional_attributes_campaign_id
on messages using gin ((additional_attributes -> 'campaign_id'::text));
create index idx_messages_account_content_created on messages (account_id, content_type, created_at);
create index index_messages_on_account_created_type on messages (account_id, created_at, message_type);
create index index_messages_on_account_id_and_inbox_id on messages (account_id, inbox_id);
create index index_messages_on_account_id on messages (account_id);
create index index_messages_on_conversation_account_type_created
on messages (conversation_id, account_id, message_type, created_at);
create index index_messages_on_conversation_id on messages (conversation_id);
create index index_messages_on_created_at on messages (created_at);
create index index_messages_on_inbox_id on messages (inbox_id);
create index index_messages_on_sender_type_and_sender_id on messages (sender_type, sender_id);
create index index_messages_on_source_id on messages (source_id);
do $$
begin
    if exists (select from pg_available_extensions where name = 'pg_trgm') then
        create extension if not exists pg_trgm;
        create index index_messages_on_content on messages using gin (content gin_trgm_ops);
    end if;
end
$$;

create table attachments (
    id serial primary key,
    file_type integer default 0,
    external_url character varying,
    coordinates_lat double precision default 0.0,
    coordinates_long double precision default 0.0,
    message_id integer not null,
    account_id integer not null,
    created_at timestamp without time zone not null,
    updated_at timestamp without time zone not null,
    fallback_title character varying,
    extension character varying,
    meta jsonb default '{}'
);
create index index_attachments_on_account_id on attachments (account_id);
create index index_attachments_on_message_id on attachments (message_id);

create table active_storage_blobs (
    id bigserial primary key,
    key character varying not null,
    filename character varying not null,
    content_type character varying,
    metadata text,
    byte_size bigint not null,
    checksum character varying,
    created_at timestamp without time zone not null,
    service_name character varying not null
);
create unique index index_active_storage_blobs_on_key on active_storage_blobs (key);

create table active_storage_attachments (
    id bigserial primary key,
    name character varying not null,
    record_type character varying not null,
    record_id bigint not null,
    blob_id bigint not null,
    created_at timestamp without time zone not null
);
create index index_active_storage_attachments_on_blob_id on active_storage_attachments (blob_id);
create unique index index_active_storage_attachments_uniqueness
on active_storage_attachments (record_type, record_id, name, blob_id);
alter table active_storage_attachments add constraint fk_rails_c3b3935057
foreign key (blob_id) references active_storage_blobs (id);

create table active_storage_variant_records (
    id bigserial primary key,
    blob_id bigint not null,
    variation_digest character varying not null
);
create unique index index_active_storage_variant_records_uniqueness
on active_storage_variant_records (blob_id, variation_digest);
alter table active_storage_variant_records add constraint fk_rails_993965df05
foreign key (blob_id) references active_storage_blobs (id);

create table action_mailbox_inbound_emails (
    id bigserial primary key,
    status integer default 0 not null,
    message_id character varying not null,
    message_checksum character varying not null,
    created_at timestamp(6) without time zone not null,
    updated_at timestamp(6) without time zone not null
);
create unique index index_action_mailbox_inbound_emails_uniqueness
on action_mailbox_inbound_emails (message_id, message_checksum);
