-- Tables. A job's place tells its state: a row in outbox is ready, in delayed it waits for its next
-- attempt, in lease a worker has it, in dead_letter it has failed for good, and in none it is done.
-- The first three are hot, narrow and only ever inserted into and deleted from; the rest is record.

create table mailvault.batch (
    id bigint generated always as identity primary key,
    state text not null default 'enqueuing'
    check (state in ('open', 'enqueuing', 'enqueued', 'cancelling', 'cancelled')),
    since timestamptz,
    until timestamptz,
    email_keys text[],
    max_emails bigint check (max_emails > 0),
    total bigint not null default 0 check (total >= 0),
    dispatched bigint not null default 0 check (dispatched >= 0),
    position text,
    created_at timestamptz not null default now(),
    enqueued_at timestamptz,
    started_at timestamptz,
    check (since is null or until is null or since < until),
    priority smallint not null default 5 check (priority between 0 and 9),
    check (enqueued_at is not null or state <> 'enqueued'),
    source_bytes bigint check (source_bytes >= 0)
);

-- Every claim asks whose jobs it must not touch.
create index batch_cancelling on mailvault.batch (id) where state = 'cancelling';

-- And which of its batches start with it.
create index batch_not_started on mailvault.batch (id) where started_at is null;

-- What the application dispatches itself, with mailvault.enqueue, is booked here.
insert into mailvault.batch (id, state, priority) overriding system value values (0, 'open', 1);

comment on table mailvault.batch is 'One run of enqueue, with its selection and how far it came.';
comment on column mailvault.batch.id is 'What --batch and --resume name.';
comment on column mailvault.batch.state is
'enqueuing until every selected email is dispatched; batch 0, the application''s own, is open.';
comment on column mailvault.batch.priority is 'Of its jobs: 0 is claimed first, 9 last.';
comment on column mailvault.batch.since is 'Only emails received at this time or later.';
comment on column mailvault.batch.until is 'Only emails received before this time.';
comment on column mailvault.batch.email_keys is 'Only these emails; NULL means all.';
comment on column mailvault.batch.max_emails is 'At most so many emails; NULL means all.';
comment on column mailvault.batch.total is 'Emails selected; exact once state is enqueued.';
comment on column mailvault.batch.dispatched is 'Emails for which this batch made a job.';
comment on column mailvault.batch.position is 'Key of the last email dispatched; goes on there.';
comment on column mailvault.batch.created_at is 'When the batch was asked for.';
comment on column mailvault.batch.enqueued_at is 'When its last email was dispatched.';
comment on column mailvault.batch.started_at is 'When a worker first claimed one of its jobs.';
comment on column mailvault.batch.source_bytes is
'Bytes of its bodies and attachments, where they were measured.';

-- No foreign key to batch: a million inserts would each lock the same row.
create table mailvault.job (
    id bigint generated always as identity primary key,
    batch_id bigint not null,
    email_key text collate "C" not null unique,
    enqueued_at timestamptz not null default now(),
    priority smallint not null default 5 check (priority between 0 and 9)
);

comment on table mailvault.job is 'One email to move, dispatched once; the row never changes.';
comment on column mailvault.job.id is 'What retry and failed name.';
comment on column mailvault.job.batch_id is 'The batch that dispatched it.';
comment on column mailvault.job.email_key is 'The email''s key in the source, as text.';
comment on column mailvault.job.enqueued_at is 'When it was dispatched.';
comment on column mailvault.job.priority is '0 is claimed first, 9 last.';

-- Hot tables are vacuumed by a count of dead rows, not by a share of a table that is mostly dead,
-- and without a pause: they are small.
create table mailvault.outbox (
    job_id bigint not null,
    batch_id bigint not null,
    attempts integer not null default 0 check (attempts >= 0),
    priority smallint not null default 5,
    email_key text collate "C" not null,
    -- The order of claims: a range of it is what a claim reads.
    primary key (priority, job_id)
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

comment on table mailvault.outbox is 'Jobs that are ready, in the order in which they are claimed.';
comment on column mailvault.outbox.job_id is 'The job.';
comment on column mailvault.outbox.batch_id is 'Its batch, so that counts need no join.';
comment on column mailvault.outbox.attempts is 'Attempts made so far.';
comment on column mailvault.outbox.priority is 'Its job''s: 0 is claimed first, 9 last.';
comment on column mailvault.outbox.email_key is
'Its job''s, as in delayed and lease: a look at the job for each step took a third of the time.';

create table mailvault.delayed (
    job_id bigint primary key,
    batch_id bigint not null,
    attempts integer not null check (attempts >= 0),
    due_at timestamptz not null,
    priority smallint not null,
    email_key text collate "C" not null
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

-- Every claim asks for what has come due.
create index delayed_due on mailvault.delayed (due_at);

comment on table mailvault.delayed is 'Jobs that failed and will be tried again at a later time.';
comment on column mailvault.delayed.job_id is 'The job.';
comment on column mailvault.delayed.batch_id is 'Its batch.';
comment on column mailvault.delayed.attempts is 'Attempts made so far.';
comment on column mailvault.delayed.due_at is 'When it goes back to the outbox.';
comment on column mailvault.delayed.priority is 'Its job''s.';
comment on column mailvault.delayed.email_key is 'Its job''s.';

create table mailvault.lease (
    job_id bigint primary key,
    batch_id bigint not null,
    attempts integer not null check (attempts > 0),
    token uuid not null,
    worker_id bigint not null,
    leased_at timestamptz not null default now(),
    deadline_at timestamptz not null check (deadline_at > leased_at),
    cancelled boolean not null default false,
    priority smallint not null,
    email_key text collate "C" not null
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

-- Every worker asks every second which of its jobs were cancelled: hardly ever one.
create index lease_cancelled on mailvault.lease (worker_id) where cancelled;

comment on table mailvault.lease is 'A worker''s hold on a job.';
comment on column mailvault.lease.job_id is 'The job.';
comment on column mailvault.lease.batch_id is 'Its batch.';
comment on column mailvault.lease.attempts is 'Attempts, this one included.';
comment on column mailvault.lease.token is
'Fencing token, new for each claim; random, since a failover can reissue a sequence.';
comment on column mailvault.lease.worker_id is 'Who holds it.';
comment on column mailvault.lease.leased_at is 'Since when.';
comment on column mailvault.lease.deadline_at is 'After this time anybody may take it back.';
comment on column mailvault.lease.cancelled is 'Its batch was cancelled: if not stored, it ends.';
comment on column mailvault.lease.priority is 'Its job''s.';
comment on column mailvault.lease.email_key is 'Its job''s.';

create table mailvault.dead_letter (
    job_id bigint primary key,
    batch_id bigint not null,
    attempts integer not null check (attempts >= 0),
    reason text not null,
    message text not null,
    died_at timestamptz not null default now(),
    cleared_at timestamptz,
    cleared_by text,
    check ((cleared_at is null) = (cleared_by is null))
);

-- An example of each reason is found without a walk over all of them.
create index dead_letter_reason on mailvault.dead_letter (batch_id, reason, job_id)
where cleared_at is null;

comment on table mailvault.dead_letter is
'Jobs that used up their attempts or cannot succeed; retry sends them back to the outbox.';
comment on column mailvault.dead_letter.job_id is 'The job.';
comment on column mailvault.dead_letter.batch_id is 'Its batch.';
comment on column mailvault.dead_letter.attempts is 'Attempts made.';
comment on column mailvault.dead_letter.reason is 'Why, in one word that groups failures.';
comment on column mailvault.dead_letter.message is 'Why, in a sentence.';
comment on column mailvault.dead_letter.died_at is 'When it was given up.';
comment on column mailvault.dead_letter.cleared_at is
'Since when it is no longer listed: its email stays where it is.';
comment on column mailvault.dead_letter.cleared_by is 'Who decided so.';

create table mailvault.failure (
    id bigint generated always as identity primary key,
    job_id bigint not null,
    attempt integer not null check (attempt > 0),
    reason text not null,
    message text not null,
    worker_id bigint not null,
    failed_at timestamptz not null default now()
);

-- All attempts of one job, for whoever asks why it failed.
create index failure_of_job on mailvault.failure (job_id);

comment on table mailvault.failure is 'One row per failed attempt, kept for good.';
comment on column mailvault.failure.id is 'Orders the failures.';
comment on column mailvault.failure.job_id is 'The job.';
comment on column mailvault.failure.attempt is 'Which attempt it was, from 1.';
comment on column mailvault.failure.reason is 'Why, in one word.';
comment on column mailvault.failure.message is 'Why, in a sentence.';
comment on column mailvault.failure.worker_id is 'Whose attempt it was.';
comment on column mailvault.failure.failed_at is 'When.';

create table mailvault.object (
    key text collate "C" primary key,
    size bigint not null check (size >= 0),
    sha256 bytea not null check (octet_length(sha256) = 32),
    etag text,
    content_type text not null,
    stored_at timestamptz not null default now(),
    checksum text,
    version_id text,
    content_encoding text,
    original_size bigint check (original_size >= 0),
    original_sha256 bytea check (octet_length(original_sha256) = 32),
    check (num_nulls(content_encoding, original_size, original_sha256) in (0, 3))
);

comment on table mailvault.object is 'The ledger: one row per object in the store.';
comment on column mailvault.object.key is 'The object''s key in the bucket.';
comment on column mailvault.object.size is 'Bytes.';
comment on column mailvault.object.sha256 is 'Digest of the bytes as they were sent.';
comment on column mailvault.object.etag is 'As the store gave it.';
comment on column mailvault.object.content_type is 'As the store was told.';
comment on column mailvault.object.stored_at is 'When it was recorded.';
comment on column mailvault.object.checksum is
'Of an object in slices: the SHA-256 of their SHA-256s and their number, as S3 shows it.';
comment on column mailvault.object.version_id is 'The version that was made, where there are any.';
comment on column mailvault.object.content_encoding is
'gzip or zstd, where the object is compressed; its size and digest are those of what was sent.';
comment on column mailvault.object.original_size is 'Bytes, before they were compressed.';
comment on column mailvault.object.original_sha256 is 'Their digest.';

-- No foreign keys: one function writes it, and the object in the same statement or before.
create table mailvault.part (
    job_id bigint not null,
    kind text not null,
    part_key text collate "C" not null,
    object_key text collate "C" not null,
    primary key (job_id, kind, part_key)
);

comment on table mailvault.part is 'Which object holds each stored body and attachment.';
comment on column mailvault.part.job_id is 'The job that stored it.';
comment on column mailvault.part.kind is 'The mapping''s name for it: body, attachment.';
comment on column mailvault.part.part_key is 'The key of its row in the source, as text.';
comment on column mailvault.part.object_key is 'The object.';

create table mailvault.shared_part (
    kind text,
    part_key text collate "C",
    object_key text collate "C" not null,
    primary key (kind, part_key)
);

comment on table mailvault.shared_part is
'Where parts that emails share are stored, so that they are read and sent once.';
comment on column mailvault.shared_part.kind is 'What the mapping calls this sort of part.';
comment on column mailvault.shared_part.part_key is 'The key of its row in the source.';
comment on column mailvault.shared_part.object_key is 'The object.';

create table mailvault.change (
    id bigint generated always as identity primary key,
    email_key text collate "C",
    kind text,
    part_key text collate "C",
    seen_at timestamptz
) with (autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_scale_factor = 0);

comment on table mailvault.change is
'What the application changed, noted by its own transactions, until a worker takes it up.';
comment on column mailvault.change.id is 'In the order in which they were noted.';
comment on column mailvault.change.email_key is 'The email, new or changed.';
comment on column mailvault.change.kind is 'Of a part that emails share: its kind.';
comment on column mailvault.change.part_key is 'Of a part that emails share: the key of its row.';
comment on column mailvault.change.seen_at is
'Of a part that emails share: when a worker saw it first; it stays for the leases from before.';

-- While a part is here, nobody may say where it is stored: whoever does has read it before.
create index change_of_part on mailvault.change (kind, part_key) where kind is not null;

create table mailvault.missed_change (
    table_name text not null,
    message text not null,
    missed_at timestamptz not null default now(),
    email_key text collate "C"
);

comment on table mailvault.missed_change is
'Changes that could not be noted, the first of each sort; and those that could not be taken up.';
comment on column mailvault.missed_change.table_name is 'The application''s table.';
comment on column mailvault.missed_change.message is 'Why not.';
comment on column mailvault.missed_change.missed_at is 'When that began.';
comment on column mailvault.missed_change.email_key is
'Of a change that was noted, and could not be taken up: the email.';

-- Insert-only, and without an index: an update per ack would wait for other workers' and, while an
-- old snapshot keeps every version, walk them all. Workers fold the rows into few.
create table mailvault.tally (
    batch_id bigint not null,
    processed bigint not null default 0,
    dead bigint not null default 0,
    delayed bigint not null default 0,
    parts bigint not null default 0,
    bytes bigint not null default 0,
    changed_at timestamptz not null default now(),
    dispatched bigint not null default 0,
    cancelled bigint not null default 0,
    reason text,
    cleared bigint not null default 0,
    source_bytes bigint not null default 0
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

comment on table mailvault.tally is
'Counts per batch, written in the transaction that changes them; the sum of a batch is exact.';
comment on column mailvault.tally.batch_id is 'The batch.';
comment on column mailvault.tally.processed is 'Emails stored.';
comment on column mailvault.tally.dead is 'Emails that are dead letters now.';
comment on column mailvault.tally.delayed is 'Emails that wait for another attempt now.';
comment on column mailvault.tally.parts is 'Bodies and attachments stored.';
comment on column mailvault.tally.bytes is 'Bytes stored, as they were sent.';
comment on column mailvault.tally.changed_at is 'Last change.';
comment on column mailvault.tally.dispatched is 'Emails that the application dispatched itself.';
comment on column mailvault.tally.cancelled is 'Jobs that were taken back from the queue.';
comment on column mailvault.tally.reason is 'Of dead letters: why. NULL where none is counted.';
comment on column mailvault.tally.cleared is 'Of the dead letters: those that are cleared.';
comment on column mailvault.tally.source_bytes is 'Bytes stored, before they were compressed.';

create table mailvault.sample (
    batch_id bigint not null,
    sampled_at timestamptz not null,
    processed bigint not null,
    dead bigint not null,
    bytes bigint not null,
    taken_at timestamptz not null default now(),
    source_bytes bigint not null default 0,
    working integer not null default 1,
    primary key (batch_id, sampled_at)
);

comment on table mailvault.sample is
'The tallies every five seconds, so that all who ask compute the same rate.';
comment on column mailvault.sample.batch_id is 'The batch.';
comment on column mailvault.sample.sampled_at is 'When, rounded down to five seconds.';
comment on column mailvault.sample.processed is 'Emails stored by then.';
comment on column mailvault.sample.dead is 'Dead letters by then.';
comment on column mailvault.sample.bytes is 'Bytes stored by then.';
comment on column mailvault.sample.taken_at is 'When, to the microsecond.';
comment on column mailvault.sample.source_bytes is 'Bytes stored, before they were compressed.';
comment on column mailvault.sample.working is
'Workers that were neither held nor paused nor idle: time without any is none of the work''s.';
