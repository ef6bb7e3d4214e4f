-- Tables of those who work, of what they are told, and of who told them.

create table mailvault.worker (
    id bigint primary key default floor(random() * 1e12)::bigint,
    host text not null,
    pid integer not null,
    concurrency integer not null check (concurrency > 0),
    uploader text not null,
    uploader_reason text not null,
    state text not null default 'running'
    check (state in ('running', 'idle', 'held', 'paused', 'stopping', 'stopped', 'lost')),
    held_reason text,
    held_message text,
    held_since timestamptz,
    in_flight integer not null default 0,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    beats bigint not null default 0,
    processed bigint not null default 0,
    failed bigint not null default 0,
    memory bigint,
    commanded_at timestamptz not null default now(),
    check (state <> 'held' or held_since is not null)
) with (fillfactor = 50);

-- Each worker asks every second how many there are, and the heart for those to call lost.
create index worker_living on mailvault.worker (id) where state not in ('stopped', 'lost');

comment on table mailvault.worker is 'One row per worker process; its heartbeat keeps its leases.';
comment on column mailvault.worker.id is
'Given at start; random, since a failover can reissue a sequence.';
comment on column mailvault.worker.host is 'The machine.';
comment on column mailvault.worker.pid is 'The process there.';
comment on column mailvault.worker.concurrency is 'Emails it has in flight at the most.';
comment on column mailvault.worker.uploader is 'rust or boto3.';
comment on column mailvault.worker.uploader_reason is 'Why that one.';
comment on column mailvault.worker.state is
'idle: waits for jobs; held: by a fault of the system; lost: not heard of any more.';
comment on column mailvault.worker.held_reason is 'What holds or slows it, in one word.';
comment on column mailvault.worker.held_message is 'What holds or slows it, in a sentence.';
comment on column mailvault.worker.held_since is 'Since when it is held or slowed.';
comment on column mailvault.worker.in_flight is 'Jobs it had at its last heartbeat.';
comment on column mailvault.worker.started_at is 'When it started.';
comment on column mailvault.worker.heartbeat_at is 'When it was last heard of.';
comment on column mailvault.worker.beats is
'Its heartbeats so far; fewer than it knows of means that the database lost commits.';
comment on column mailvault.worker.processed is 'Emails it has stored.';
comment on column mailvault.worker.failed is 'Attempts of its that failed.';
comment on column mailvault.worker.memory is 'Bytes that it took at its last heartbeat.';
comment on column mailvault.worker.commanded_at is
'When the command was started that keeps it running, which may have started others before it.';

create table mailvault.policy (
    only_row boolean primary key default true check (only_row),
    position text,
    looked_at timestamptz
);

insert into mailvault.policy default values;

comment on table mailvault.policy is
'One row: how far workers are in looking for mail that has become eligible.';
comment on column mailvault.policy.only_row is 'Keeps it to one row.';
comment on column mailvault.policy.position is
'The last key that was looked at; NULL between two walks through the mail.';
comment on column mailvault.policy.looked_at is 'When somebody looked last.';

create table mailvault.control (
    only_row boolean primary key default true check (only_row),
    paused_at timestamptz,
    paused_by text,
    paused_until timestamptz,
    concurrency integer check (concurrency > 0),
    stopped_at timestamptz,
    check (num_nulls(paused_at, paused_by, paused_until) in (0, 3))
);

insert into mailvault.control default values;

comment on table mailvault.control is 'One row: what all workers obey.';
comment on column mailvault.control.only_row is 'Keeps it to one row.';
comment on column mailvault.control.paused_at is 'Since when nothing is claimed; NULL: it is.';
comment on column mailvault.control.paused_by is 'Who paused.';
comment on column mailvault.control.paused_until is 'When the pause is over; infinity: never.';
comment on column mailvault.control.concurrency is
'Emails in flight, of all workers together; NULL: as many as each was started with.';
comment on column mailvault.control.stopped_at is
'Workers that were started before it end; those that are started later do not.';

create table mailvault.audit (
    id bigint generated always as identity primary key,
    happened_at timestamptz not null default now(),
    done_by text not null,
    action text not null,
    details jsonb not null default '{}'
);

comment on table mailvault.audit is 'What operators did to the queue and to the workers.';
comment on column mailvault.audit.id is 'In the order in which it was done.';
comment on column mailvault.audit.happened_at is 'When.';
comment on column mailvault.audit.done_by is 'Who: a person at a machine, or a role.';
comment on column mailvault.audit.action is 'What: pause, resume, retry, …';
comment on column mailvault.audit.details is 'To what, and how many.';
