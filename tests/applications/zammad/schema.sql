-- Zammad 6.5: articles (bodies), stores (links), store_files and store_provider_dbs (shared blobs).
--
-- Release: 6.5, installed from Zammad's Docker image before 2025-08-04; the newest migration in it is
--   20250501141812. Read at: github jason-lyb/zammad, commit a636ea2e0636d7c8b7e341b3748df517cde8e879
--   (app, config, db, lib of that image; db/schema.rb is empty there and no VERSION file was copied, so the
--   patch level, 6.5.0 or 6.5.1, is not verified; zammad/zammad itself is too large for a snapshot here).
-- Source files: db/migrate/20120101000001_create_base.rb, db/migrate/20120101000010_create_ticket.rb
--   (a new setup takes everything from these; later migrations return at once). The SQL that they make:
--   rails/rails v7.2.2 activerecord/lib/active_record/migration/compatibility.rb (Migration[4.2]: serial
--   keys, integer references with no index, no default precision) and schema_statements.rb (limit: 3 makes
--   timestamp(3); names of indexes and foreign keys).
-- stores.o_id is varchar(255) since 20240227104106_update_upload_cache_object_id (the file is also in
--   zammad/zammad; a 7.0 fork's create_base says the same); before it was bigint.
-- Left out: all other tables. Stubs: only the tables that foreign keys name, only their id.

create table users (id serial primary key);
create table tickets (id serial primary key);
create table ticket_article_types (id serial primary key);
create table ticket_article_senders (id serial primary key);

create table ticket_articles (
    id serial primary key,
    ticket_id integer not null,
    type_id integer not null,
    sender_id integer not null,
    detected_language character varying(8),
    "from" character varying(3000),
    "to" character varying(3000),
    cc character varying(3000),
    subject character varying(3000),
    reply_to character varying(300),
    message_id character varying(3000),
    message_id_md5 character varying(32),
    in_reply_to character varying(3000),
    content_type character varying(20) default 'text/plain' not null,
    body text not null,
    internal boolean default false not null,
    preferences text,
    updated_by_id integer not null,
    created_by_id integer not null,
    origin_by_id integer,
    created_at timestamp(3) without time zone not null,
    updated_at timestamp(3) without time zone not null
);
create index index_ticket_articles_on_ticket_id on ticket_articles (ticket_id);
create index index_ticket_articles_on_message_id_md5 on ticket_articles (message_id_md5);
create index index_ticket_articles_message_id_md5_type_id on ticket_articles (message_id_md5, type_id);
create index index_ticket_articles_on_created_by_id on ticket_articles (created_by_id);
create index index_ticket_articles_on_created_at on ticket_articles (created_at);
create index index_ticket_articles_on_internal on ticket_articles (internal);
create index index_ticket_articles_on_type_id on ticket_articles (type_id);
create index index_ticket_articles_on_sender_id on ticket_articles (sender_id);
alter table ticket_articles add constraint fk_rails_537ac1f42c foreign key (ticket_id) references tickets (id);
alter table ticket_articles add constraint fk_rails_c3aaa7b29b
foreign key (type_id) references ticket_article_types (id);
alter table ticket_articles add constraint fk_rails_859725266a
foreign key (sender_id) references ticket_article_senders (id);
alter table ticket_articles add constraint fk_rails_3cb6a3675a foreign key (created_by_id) references users (id);
alter table ticket_articles add constraint fk_rails_38b783461b foreign key (updated_by_id) references users (id);
alter table ticket_articles add constraint fk_rails_c2dbb9e7aa foreign key (origin_by_id) references users (id);

create table store_objects (
    id serial primary key,
    name character varying(250) not null,
    note character varying(250),
    created_at timestamp(3) without time zone not null,
    updated_at timestamp(3) without time zone not null
);
create unique index index_store_objects_on_name on store_objects (name);

create table store_files (
    id serial primary key,
    sha character varying(128) not null,
    provider character varying(20),
    created_at timestamp(3) without time zone not null,
    updated_at timestamp(3) without time zone not null
);
create unique index index_store_files_on_sha on store_files (sha);
create index index_store_files_on_provider on store_files (provider);

create table stores (
    id serial primary key,
    store_object_id integer not null,
    store_file_id integer not null,
    o_id character varying(255) not null,
    preferences character varying(2500),
    size character varying(50),
    filename character varying(250) not null,
    created_by_id integer not null,
    created_at timestamp(3) without time zone not null,
    updated_at timestamp(3) without time zone not null
);
create index index_stores_on_store_object_id_and_o_id on stores (store_object_id, o_id);
create index index_stores_on_store_file_id on stores (store_file_id);
alter table stores add constraint fk_rails_de6a5f3de1 foreign key (store_object_id) references store_objects (id);
alter table stores add constraint fk_rails_60bb0cecf9 foreign key (store_file_id) references store_files (id);
alter table stores add constraint fk_rails_17354e2aa6 foreign key (created_by_id) references users (id);

create table store_provider_dbs (
    id serial primary key,
    sha character varying(128) not null,
    data bytea,
    created_at timestamp(3) without time zone not null,
    updated_at timestamp(3) without time zone not null
);
create unique index index_store_provider_dbs_on_sha on store_provider_dbs (sha);
