-- Znuny 6.5.15: articles, their MIME data (bodies), raw mail and attachments in the database.
--
-- Release: 6.5.15, read in Debian's package otrs2 6.5.15-2 (trixie, non-free; the package znuny only depends
--   on it); its RELEASE file says "6.5.x". znuny/Znuny is too large for a snapshot here; whether Debian
--   patches the two SQL files is not verified (stored single copies of older versions have no a_bcc and no
--   article_data_mime_article_id, and are else the same in these tables).
-- Source files: scripts/database/schema.postgresql.sql (tables, indexes) and
--   scripts/database/schema-post.postgresql.sql (foreign keys). There each index and key stands in a
--   DO block that asks whether it exists; here they are plain.
-- Left out: all other tables, among them article_search_index (a copy of the text, for search),
--   article_data_mime_send_error, article_data_otrs_chat, article_flag. Stubs: ticket, users,
--   communication_channel, article_sender_type, only their id.

CREATE TABLE users (id serial NOT NULL, PRIMARY KEY (id));
CREATE TABLE ticket (id bigserial NOT NULL, PRIMARY KEY (id));
CREATE TABLE communication_channel (id bigserial NOT NULL, PRIMARY KEY (id));
CREATE TABLE article_sender_type (id serial NOT NULL, PRIMARY KEY (id));

CREATE TABLE article (
    id bigserial NOT NULL,
    ticket_id BIGINT NOT NULL,
    article_sender_type_id SMALLINT NOT NULL,
    communication_channel_id BIGINT NOT NULL,
    is_visible_for_customer SMALLINT NOT NULL,
    search_index_needs_rebuild SMALLINT DEFAULT 1 NOT NULL,
    insert_fingerprint VARCHAR (64) NULL,
    create_time timestamp(0) NOT NULL,
    create_by INTEGER NOT NULL,
    change_time timestamp(0) NOT NULL,
    change_by INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX article_article_sender_type_id ON article (article_sender_type_id);
CREATE INDEX article_communication_channel_id ON article (communication_channel_id);
CREATE INDEX article_search_index_needs_rebuild ON article (search_index_needs_rebuild);
CREATE INDEX article_ticket_id ON article (ticket_id);
ALTER TABLE article ADD CONSTRAINT FK_article_article_sender_type_id_id
FOREIGN KEY (article_sender_type_id) REFERENCES article_sender_type (id);
ALTER TABLE article ADD CONSTRAINT FK_article_communication_channel_id_id
FOREIGN KEY (communication_channel_id) REFERENCES communication_channel (id);
ALTER TABLE article ADD CONSTRAINT FK_article_ticket_id_id FOREIGN KEY (ticket_id) REFERENCES ticket (id);
ALTER TABLE article ADD CONSTRAINT FK_article_create_by_id FOREIGN KEY (create_by) REFERENCES users (id);
ALTER TABLE article ADD CONSTRAINT FK_article_change_by_id FOREIGN KEY (change_by) REFERENCES users (id);

CREATE TABLE article_data_mime (
    id bigserial NOT NULL,
    article_id BIGINT NOT NULL,
    a_from VARCHAR NULL,
    a_reply_to VARCHAR NULL,
    a_to VARCHAR NULL,
    a_cc VARCHAR NULL,
    a_bcc VARCHAR NULL,
    a_subject VARCHAR (3800) NULL,
    a_message_id VARCHAR (3800) NULL,
    a_message_id_md5 VARCHAR (32) NULL,
    a_in_reply_to VARCHAR NULL,
    a_references VARCHAR NULL,
    a_content_type VARCHAR (250) NULL,
    a_body VARCHAR NULL,
    incoming_time INTEGER NOT NULL,
    content_path VARCHAR (250) NULL,
    create_time timestamp(0) NOT NULL,
    create_by INTEGER NOT NULL,
    change_time timestamp(0) NOT NULL,
    change_by INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX article_data_mime_article_id ON article_data_mime (article_id);
CREATE INDEX article_data_mime_message_id_md5 ON article_data_mime (a_message_id_md5);
ALTER TABLE article_data_mime ADD CONSTRAINT FK_article_data_mime_article_id_id
FOREIGN KEY (article_id) REFERENCES article (id);
ALTER TABLE article_data_mime ADD CONSTRAINT FK_article_data_mime_create_by_id
FOREIGN KEY (create_by) REFERENCES users (id);
ALTER TABLE article_data_mime ADD CONSTRAINT FK_article_data_mime_change_by_id
FOREIGN KEY (change_by) REFERENCES users (id);

CREATE TABLE article_data_mime_plain (
    id bigserial NOT NULL,
    article_id BIGINT NOT NULL,
    body TEXT NOT NULL,
    create_time timestamp(0) NOT NULL,
    create_by INTEGER NOT NULL,
    change_time timestamp(0) NOT NULL,
    change_by INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX article_data_mime_plain_article_id ON article_data_mime_plain (article_id);
ALTER TABLE article_data_mime_plain ADD CONSTRAINT FK_article_data_mime_plain_article_id_id
FOREIGN KEY (article_id) REFERENCES article (id);
ALTER TABLE article_data_mime_plain ADD CONSTRAINT FK_article_data_mime_plain_create_by_id
FOREIGN KEY (create_by) REFERENCES users (id);
ALTER TABLE article_data_mime_plain ADD CONSTRAINT FK_article_data_mime_plain_change_by_id
FOREIGN KEY (change_by) REFERENCES users (id);

CREATE TABLE article_data_mime_attachment (
    id bigserial NOT NULL,
    article_id BIGINT NOT NULL,
    filename VARCHAR (250) NULL,
    content_size VARCHAR (30) NULL,
    content_type VARCHAR (450) NULL,
    content_id VARCHAR (250) NULL,
    content_alternative VARCHAR (50) NULL,
    disposition VARCHAR (15) NULL,
    content TEXT NULL,
    create_time timestamp(0) NOT NULL,
    create_by INTEGER NOT NULL,
    change_time timestamp(0) NOT NULL,
    change_by INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX article_data_mime_attachment_article_id ON article_data_mime_attachment (article_id);
ALTER TABLE article_data_mime_attachment ADD CONSTRAINT FK_article_data_mime_attachment_article_id_id
FOREIGN KEY (article_id) REFERENCES article (id);
ALTER TABLE article_data_mime_attachment ADD CONSTRAINT FK_article_data_mime_attachment_create_by_id
FOREIGN KEY (create_by) REFERENCES users (id);
ALTER TABLE article_data_mime_attachment ADD CONSTRAINT FK_article_data_mime_attachment_change_by_id
FOREIGN KEY (change_by) REFERENCES users (id);
