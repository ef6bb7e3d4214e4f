-- What the checks ask and mailvault does not keep: who ended each lease, and what became of its
-- job in the same transaction. Workers are told apart by their application_name, their pid.

create schema audit;

create table audit.ended (
    job_id bigint not null,
    token uuid not null,
    owner text,
    actor text not null default current_setting('application_name'),
    transaction xid8 not null default pg_current_xact_id(),
    at timestamptz not null default clock_timestamp()
);

create table audit.placed (
    job_id bigint not null,
    transaction xid8 not null default pg_current_xact_id()
);

create function audit.note_end() returns trigger language plpgsql as $$
begin
    insert into audit.ended (job_id, token, owner) values (
        old.job_id, old.token,
        (select w.pid::text from mailvault.worker as w where w.id = old.worker_id)
    );
    return null;
end
$$;

create function audit.note_place() returns trigger language plpgsql as $$
begin
    insert into audit.placed (job_id) values (new.job_id);
    return null;
end
$$;

create trigger note_end after delete on mailvault.lease
for each row execute function audit.note_end();

create trigger note_place after insert on mailvault.outbox
for each row execute function audit.note_place();

create trigger note_place after insert on mailvault.delayed
for each row execute function audit.note_place();

create trigger note_place after insert on mailvault.dead_letter
for each row execute function audit.note_place();

-- Ends of leases that put the job nowhere: it was acked.
create view audit.acked as
select e.job_id, e.owner, e.actor, e.at
from audit.ended as e
where not exists (
    select from audit.placed as p
    where p.job_id = e.job_id and p.transaction = e.transaction
);
