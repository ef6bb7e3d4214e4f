-- Request Tracker 5.0.8: the MIME parts of mail, the transactions they hang from, custom field files.
--
-- Release: tag rt-5.0.8, commit 6388b747028d7186578c1afc0c79db7bd1700b9f (2025-04-29), read in a
--   snapshot of github bestpractical/rt.
-- Source file: etc/schema.Pg (names are not quoted there, so PostgreSQL folds them to lower case).
-- Left out: all other tables (Tickets, Queues, ...), and what rt-setup-fulltext-index adds if an operator
--   runs it. No foreign keys: RT declares none.

CREATE SEQUENCE attachments_id_seq;
CREATE TABLE Attachments (
    id BIGINT DEFAULT nextval('attachments_id_seq'),
    TransactionId bigint NOT NULL,
    Parent bigint NOT NULL DEFAULT 0,
    MessageId varchar(160) NULL,
    Subject varchar(255) NULL,
    Filename varchar(255) NULL,
    ContentType varchar(80) NULL,
    ContentEncoding varchar(80) NULL,
    Content text NULL,
    Headers text NULL,
    Creator integer NOT NULL DEFAULT 0,
    Created TIMESTAMP NULL,
    PRIMARY KEY (id)
);
CREATE INDEX Attachments1 ON Attachments (Parent);
CREATE INDEX Attachments2 ON Attachments (TransactionId);
CREATE INDEX Attachments3 ON Attachments (Parent, TransactionId);
CREATE INDEX Attachments4 ON Attachments (Filename);

CREATE SEQUENCE transactions_id_seq;
CREATE TABLE Transactions (
    id BIGINT DEFAULT nextval('transactions_id_seq'),
    ObjectType varchar(255) NOT NULL,
    ObjectId integer NOT NULL DEFAULT 0,
    TimeTaken integer NOT NULL DEFAULT 0,
    Type varchar(20) NULL,
    Field varchar(255) NULL,
    OldValue varchar(255) NULL,
    NewValue varchar(255) NULL,
    ReferenceType varchar(255) NULL,
    OldReference integer NULL,
    NewReference integer NULL,
    Data varchar(255) NULL,
    Creator integer NOT NULL DEFAULT 0,
    Created TIMESTAMP NULL,
    PRIMARY KEY (id)
);
CREATE INDEX Transactions1 ON Transactions (ObjectType, ObjectId);

CREATE SEQUENCE objectcustomfieldvalues_id_s;
CREATE TABLE ObjectCustomFieldValues (
    id INTEGER DEFAULT nextval('objectcustomfieldvalues_id_s'),
    CustomField int NOT NULL,
    ObjectType varchar(255) NULL,
    ObjectId bigint NOT NULL,
    SortOrder integer NOT NULL DEFAULT 0,
    Content varchar(255) NULL,
    LargeContent text NULL,
    ContentType varchar(80) NULL,
    ContentEncoding varchar(80) NULL,
    Creator integer NOT NULL DEFAULT 0,
    Created TIMESTAMP NULL,
    LastUpdatedBy integer NOT NULL DEFAULT 0,
    LastUpdated TIMESTAMP NULL,
    Disabled integer NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
);
CREATE INDEX ObjectCustomFieldValues1 ON ObjectCustomFieldValues (CustomField, ObjectType, ObjectId, Content);
CREATE INDEX ObjectCustomFieldValues2 ON ObjectCustomFieldValues (CustomField, ObjectType, ObjectId);
CREATE INDEX ObjectCustomFieldValues3 ON ObjectCustomFieldValues (SortOrder);
