"""A database that forgot its last commits: ids come again, and nobody is taken for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.outbox import STALE, enqueue_all, lose, stored, worker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mailvault.db import Pool
    from tests.application import Application
    from tests.program import Program


def forget(application: Application, *tables: str) -> None:
    """What a standby has not got yet when it is promoted."""
    for table in tables:
        application.connection.execute(f"delete from mailvault.{table}")


def age(application: Application) -> None:
    """Let the leases be older than it takes to be called lost."""
    application.connection.execute(
        "update mailvault.lease set leased_at = leased_at - interval '1 minute'"
    )


def test_a_stale_result_is_not_recorded_with_the_job_that_got_its_id(
    application: Application, pool: Pool
) -> None:
    """One group of acks holds a lease of the lost timeline and one of the same id on the new."""
    application.add_emails(2)
    enqueue_all(application)
    outbox = worker(pool)
    lost, kept = outbox.claim(2)
    # Job ids come again: what was the first email's is the second one's.
    forget(application, "job", "outbox", "lease")
    application.connection.execute(
        "insert into mailvault.job (id, batch_id, email_key) overriding system value "
        "select %s, id, %s from mailvault.batch where id > 0", [lost.job_id, kept.email_key],
    )  # fmt: skip
    application.connection.execute(
        "insert into mailvault.outbox (job_id, batch_id, email_key) "
        "select id, batch_id, email_key from mailvault.job"
    )
    [lease] = outbox.claim(2)
    assert lease.job_id == lost.job_id

    assert outbox.ack([(lost, [stored(lost)]), (lease, [stored(lease)])]) == {lease.job_id}
    assert application.all("select email, part from mailvault.objects") == [
        (kept.email_key, kept.email_key)
    ]
    assert application.one("select count(*) from mailvault.object") == 1
    assert application.all("select id from emails where is_migrated") == [(int(kept.email_key),)]


def test_a_worker_that_claimed_its_own_lost_job_again_settles_it_once(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    outbox, other = worker(pool), worker(pool)
    [late] = outbox.claim(1)
    lose(application, outbox)
    assert other.reap(STALE) == 1
    outbox.heartbeat("running", 1, None, renew=True)
    [lease] = outbox.claim(1)
    assert outbox.ack([(late, [stored(late)]), (lease, [stored(lease)])]) == {lease.job_id}
    assert application.one("select count(*) from mailvault.part") == 1
    application.reconcile()


def test_only_the_lease_that_is_in_hand_is_kept(application: Application, pool: Pool) -> None:
    """The answer to a claim is lost, and an old lease on the same job is still in hand."""
    application.add_email()
    enqueue_all(application)
    outbox, other = worker(pool), worker(pool)
    [late] = outbox.claim(1)
    lose(application, outbox)
    assert other.reap(STALE) == 1
    outbox.heartbeat("running", 1, None, renew=True)
    outbox.claim(1)
    assert outbox.release_strays([late]) == {late.job_id}
    assert application.one("select attempts from mailvault.outbox") == 1


def test_the_leases_of_a_worker_whose_row_was_lost_stand_until_it_enters_itself_again(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    outbox, other = worker(pool), worker(pool)
    [lease] = outbox.claim(1)
    application.connection.execute(
        "delete from mailvault.worker where id = %s", [outbox.worker_id]
    )
    assert outbox.heartbeat("running", 1, None, renew=True) is None
    assert other.reap(STALE) == 0
    outbox.register_again()
    assert outbox.heartbeat("running", 1, None, renew=True) == 1
    age(application)
    assert other.reap(STALE) == 0
    assert outbox.ack([(lease, [stored(lease)])]) == {lease.job_id}


def test_the_leases_of_a_worker_that_nobody_knows_are_taken_back_in_the_end(
    application: Application, pool: Pool
) -> None:
    application.add_email()
    enqueue_all(application)
    outbox, other = worker(pool), worker(pool)
    outbox.claim(1)
    application.connection.execute(
        "delete from mailvault.worker where id = %s", [outbox.worker_id]
    )
    age(application)
    assert other.reap(STALE) == 1
    application.reconcile()


def test_no_worker_gets_the_id_of_another_that_the_database_forgot(
    application: Application, pool: Pool
) -> None:
    before = [worker(pool).worker_id for _ in range(50)]
    # Whatever sequences there are begin again.
    application.connection.execute("truncate mailvault.worker restart identity")
    after = [worker(pool).worker_id for _ in range(50)]
    assert not set(before) & set(after)


def test_what_comes_back_into_the_hands_of_a_worker_is_done_again(
    application: Application, program: Program
) -> None:
    """Its ack is lost, and the lease is there again: nobody works on it, and it is renewed."""
    processed = "select sum(processed) from mailvault.tally"
    application.add_email()
    program.run("enqueue", "--all")
    running = program.start("work", "-j", "4")
    wait_until(lambda: application.one(processed) == 1, "the email")
    wait_until(lambda: application.one("select beats from mailvault.worker") > 1, "heartbeats")
    application.connection.execute("""
        begin;
        delete from mailvault.tally; delete from mailvault.part; delete from mailvault.object;
        update emails set is_migrated = false;
        insert into mailvault.lease (
            priority, job_id, batch_id, email_key, attempts, token, worker_id, deadline_at
        )
        select
            j.priority, j.id, j.batch_id, j.email_key, 1, gen_random_uuid(), w.id,
            now() + interval '5 minutes'
        from mailvault.job as j, mailvault.worker as w;
        update mailvault.worker set beats = 0;
        commit""")
    wait_until(lambda: application.one(processed) == 1, "the email again")
    running.terminate()
    said, _ = running.communicate(timeout=30)
    assert "the database is not the one it was" in said
    assert "1 objects were in the store already" in said
    assert application.one("select count(*) from mailvault.part") == 1
    application.reconcile()


def test_a_worker_whose_row_is_gone_says_so_and_enters_itself_again(
    application: Application, program: Program
) -> None:
    running = program.start("work", "-j", "4")
    known = "select id from mailvault.worker"
    wait_until(lambda: application.one(known), "the worker")
    before = application.one(known)
    application.connection.execute("delete from mailvault.worker")
    wait_until(lambda: application.one(known), "the worker again")
    assert application.one(known) == before
    running.terminate()
    said, _ = running.communicate(timeout=30)
    assert "it does not know this worker" in said
