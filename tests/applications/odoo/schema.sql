-- Odoo 17.0 (community): message bodies, attachments, the link table, the outgoing queue.
--
-- Release: odoo/release.py says version_info = (17, 0, 0, FINAL, 0, '').
-- Read at: github ShaheenHossain/odoo-17cmnty_unozio_2025, commit
--   c8ac99a8525a443a23ac99e0fee481719eec0840 (2025-01-02, an import of the 17.0 tree; odoo/odoo itself
--   is too large for a snapshot here and its single stored files are of other versions).
-- Source files: addons/mail/models/mail_message.py, addons/mail/models/mail_mail.py,
--   odoo/addons/base/models/ir_attachment.py; the DDL that the ORM makes of them follows
--   odoo/models.py (_auto_init), odoo/tools/sql.py (create_model_table, SQL_ORDER_BY_TYPE,
--   make_index_name, add_foreign_key), odoo/modules/registry.py (check_indexes), odoo/fields.py.
-- Modules: base and mail with what mail depends on. Left out: columns that other modules add
--   (website: key, website_id; web_editor: original_id; rating, sms, snailmail, ...), all other tables,
--   the ORM's COMMENTs. Stubs: only the tables that foreign keys name, only their id.
-- Not verified on a running Odoo: the order of columns of one type.

create table res_users (id serial not null, primary key (id));
create table res_partner (id serial not null, primary key (id));
create table res_company (id serial not null, primary key (id));
create table mail_message_subtype (id serial not null, primary key (id));
create table mail_activity_type (id serial not null, primary key (id));
create table mail_guest (id serial not null, primary key (id));
create table mail_alias_domain (id serial not null, primary key (id));
create table ir_mail_server (id serial not null, primary key (id));
create table fetchmail_server (id serial not null, primary key (id));

create table ir_attachment (
    id serial not null,
    res_id int4,
    company_id int4,
    file_size int4,
    create_uid int4,
    write_uid int4,
    name varchar not null,
    res_model varchar,
    res_field varchar,
    type varchar not null,
    url varchar(1024),
    access_token varchar,
    store_fname varchar,
    checksum varchar(40),
    mimetype varchar,
    description text,
    index_content text,
    public bool,
    create_date timestamp,
    write_date timestamp,
    db_datas bytea,
    primary key (id)
);
create index ir_attachment__url_index on ir_attachment using btree (url) where url is not null;
create index ir_attachment__store_fname_index on ir_attachment using btree (store_fname);
create index ir_attachment_res_idx on ir_attachment using btree (res_model, res_id);
alter table ir_attachment add foreign key (company_id) references res_company (id) on delete set null;
alter table ir_attachment add foreign key (create_uid) references res_users (id) on delete set null;
alter table ir_attachment add foreign key (write_uid) references res_users (id) on delete set null;

create table mail_message (
    id serial not null,
    parent_id int4,
    res_id int4,
    record_alias_domain_id int4,
    record_company_id int4,
    subtype_id int4,
    mail_activity_type_id int4,
    author_id int4,
    author_guest_id int4,
    mail_server_id int4,
    create_uid int4,
    write_uid int4,
    subject varchar,
    model varchar,
    record_name varchar,
    message_type varchar not null,
    email_from varchar,
    message_id varchar,
    reply_to varchar,
    email_layout_xmlid varchar,
    body text,
    is_internal bool,
    reply_to_force_new bool,
    email_add_signature bool,
    date timestamp,
    pinned_at timestamp,
    create_date timestamp,
    write_date timestamp,
    primary key (id)
);
create index mail_message__parent_id_index on mail_message using btree (parent_id) where parent_id is not null;
create index mail_message__subtype_id_index on mail_message using btree (subtype_id);
create index mail_message__mail_activity_type_id_index on mail_message using btree (mail_activity_type_id)
where mail_activity_type_id is not null;
create index mail_message__author_id_index on mail_message using btree (author_id);
create index mail_message__message_id_index on mail_message using btree (message_id);
create index mail_message_model_res_id_idx on mail_message (model, res_id);
create index mail_message_model_res_id_id_idx on mail_message (model, res_id, id);
alter table mail_message add foreign key (parent_id) references mail_message (id) on delete set null;
alter table mail_message add foreign key (record_alias_domain_id) references mail_alias_domain (id) on delete set null;
alter table mail_message add foreign key (record_company_id) references res_company (id) on delete set null;
alter table mail_message add foreign key (subtype_id) references mail_message_subtype (id) on delete set null;
alter table mail_message add foreign key (mail_activity_type_id) references mail_activity_type (id) on delete set null;
alter table mail_message add foreign key (author_id) references res_partner (id) on delete set null;
alter table mail_message add foreign key (author_guest_id) references mail_guest (id) on delete set null;
alter table mail_message add foreign key (mail_server_id) references ir_mail_server (id) on delete set null;
alter table mail_message add foreign key (create_uid) references res_users (id) on delete set null;
alter table mail_message add foreign key (write_uid) references res_users (id) on delete set null;

create table message_attachment_rel (
    message_id integer not null,
    attachment_id integer not null,
    primary key (message_id, attachment_id)
);
create index on message_attachment_rel (attachment_id, message_id);
alter table message_attachment_rel add foreign key (message_id) references mail_message (id) on delete cascade;
alter table message_attachment_rel add foreign key (attachment_id) references ir_attachment (id) on delete cascade;

create table mail_mail (
    id serial not null,
    mail_message_id int4 not null,
    fetchmail_server_id int4,
    create_uid int4,
    write_uid int4,
    email_cc varchar,
    state varchar,
    failure_type varchar,
    body_html text,
    "references" text,
    headers text,
    email_to text,
    failure_reason text,
    is_notification bool,
    auto_delete bool,
    scheduled_date timestamp,
    create_date timestamp,
    write_date timestamp,
    primary key (id)
);
create index mail_mail__mail_message_id_index on mail_mail using btree (mail_message_id);
alter table mail_mail add foreign key (mail_message_id) references mail_message (id) on delete cascade;
alter table mail_mail add foreign key (fetchmail_server_id) references fetchmail_server (id) on delete set null;
alter table mail_mail add foreign key (create_uid) references res_users (id) on delete set null;
alter table mail_mail add foreign key (write_uid) references res_users (id) on delete set null;
