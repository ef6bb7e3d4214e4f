"""The bugs: each is one change of one file, and the test that is meant to catch it.

A change of `sql/schema/` is planted as a migration after all others.
"""

from __future__ import annotations

from typing import NamedTuple

CLAIM = "sql/schema/claim.sql"
ENQUEUE = "sql/schema/enqueue.sql"
RECOVER = "sql/schema/recover.sql"
SETTLE = "sql/schema/settle.sql"
FAILURES = "sql/schema/failures.sql"
CONTROL = "sql/schema/control.sql"
PACE = "sql/schema/pace.sql"
LIVE = "sql/schema/live.sql"

MODEL = "tests/model/test_histories.py"
QUEUE = "tests/integration/test_queue.py::"
CONTENTION = "tests/integration/test_contention.py::"
TEST_ENQUEUE = "tests/integration/test_enqueue.py::"
TEST_CONTROL = "tests/integration/test_control.py::"
LOST_LEASE = QUEUE + "test_an_ack_after_the_lease_was_lost_writes_nothing"
ALL_ATTEMPTS = QUEUE + "test_a_failed_attempt_is_tried_again_until_there_are_no_more"
CRASH = QUEUE + "test_a_crash_counts_as_an_attempt"
DELAY = QUEUE + "test_a_failure_waits_for_its_delay"
RECORDS = QUEUE + "test_an_ack_records_everything_at_once"
TWO_DIGESTS = QUEUE + "test_an_object_is_not_recorded_with_two_digests"
GONE_ON = TEST_ENQUEUE + "test_an_interrupted_batch_goes_on_where_it_was"
OTHER_CONTENT = "tests/s3/test_conformance.py::test_other_content_is_never_overwritten"
TEST_LIVE = "tests/integration/test_live.py::"
POSITION = "tests/unit/test_position.py::"
TEST_PACE = "tests/integration/test_pace.py::"


class Bug(NamedTuple):
    """What somebody might have written, and did not."""

    name: str
    file: str
    text: str
    planted: str
    test: str


BUGS = (
    Bug(
        "leases end without the fence",
        SETTLE,
        "l.job_id = held.job_id and l.token = held.token\n",
        "l.job_id = held.job_id\n",
        LOST_LEASE,
    ),
    Bug(
        "a lost lease is written to the ledger all the same",
        SETTLE,
        "        where v_batch_at[p.lease] is not null\n        order by p.object_key\n",
        "        order by p.object_key\n",
        LOST_LEASE,
    ),
    Bug(
        "a token that comes again, as a sequence's does after a failover",
        "mailvault/queue/outbox.py",
        "token = str(uuid4())",
        "token = f'{limit:032d}'",
        MODEL,
    ),
    Bug(
        "the worker's clock instead of the database's",
        "mailvault/queue/outbox.py",
        '"reap", stale=stale,',
        '"reap", stale=stale + timedelta(seconds=time.time() % 1),',
        "tests/unit/test_clock.py",
    ),
    Bug(
        "one attempt too many after failures",
        SETTLE,
        "p_retryable[l.place] and l.attempts < p_max_attempts as again",
        "p_retryable[l.place] and l.attempts <= p_max_attempts as again",
        ALL_ATTEMPTS,
    ),
    Bug(
        "one attempt too many after crashes: a poison job",
        RECOVER,
        "l.attempts < p_max_attempts as again",
        "l.attempts <= p_max_attempts as again",
        CRASH,
    ),
    Bug(
        "attempts counted at the failure, not at the claim",
        CLAIM,
        "taken.batch_id, taken.attempts + 1, taken.email_key",
        "taken.batch_id, greatest(taken.attempts, 1), taken.email_key",
        CRASH,
    ),
    Bug(
        "release counts the attempt",
        SETTLE,
        "gone.job_id, gone.batch_id, gone.attempts - 1, gone.email_key",
        "gone.job_id, gone.batch_id, gone.attempts, gone.email_key",
        QUEUE + "test_giving_back_counts_no_attempt",
    ),
    Bug(
        "another attempt at once",
        SETTLE,
        "now() + p_delay * random() * power(2, least(gone.attempts, 20) - 1)",
        "now()",
        DELAY,
    ),
    Bug(
        "a delay without jitter",
        SETTLE,
        "p_delay * random() *",
        "p_delay *",
        CONTENTION + "test_those_that_failed_together_do_not_return_together",
    ),
    Bug(
        "a delay beyond its bound",
        SETTLE,
        "least(gone.attempts, 20) - 1)",
        "least(gone.attempts, 20) + 1)",
        MODEL,
    ),
    Bug(
        "a delayed job is promoted before its time",
        CLAIM,
        "    where d.due_at <= now()\n    order by",
        "    where d.due_at is not null\n    order by",
        QUEUE + "test_only_what_is_due_comes_back",
    ),
    Bug(
        "a dead letter without its failure",
        SETTLE,
        "gone.message, p_worker from gone\n",
        "gone.message, p_worker from gone where gone.again\n",
        ALL_ATTEMPTS,
    ),
    Bug(
        "the tally of stored emails is written twice",
        SETTLE,
        "p_processed => count(*))",
        "p_processed => 2 * count(*))",
        RECORDS,
    ),
    Bug(
        "the reaper does not count its dead letters",
        RECOVER,
        "d.batch_id, p_dead => count(*), ",
        "d.batch_id, p_dead => 0, ",
        CRASH,
    ),
    Bug(
        "the reaper waits for whoever is settling",
        RECOVER,
        "for update of l skip locked",
        "for update of l",
        CONTENTION + "test_the_reaper_passes_by_what_is_being_settled",
    ),
    Bug(
        "the reaper knows no deadline",
        RECOVER,
        """            l.deadline_at <= now()
            or """,
        "            ",
        QUEUE + "test_a_lease_past_its_deadline_is_taken_back",
    ),
    Bug(
        "a claim waits for another claim",
        CLAIM,
        """            limit p_limit - cardinality(v_picked)
            for update skip locked
""",
        """            limit p_limit - cardinality(v_picked)
            for update
""",
        MODEL,
    ),
    Bug(
        "a claim leaves the job in the outbox",
        CLAIM,
        """        delete from mailvault.outbox as o
        where o.ctid = any(v_picked)
        returning o.priority, o.job_id, o.batch_id, o.attempts, o.email_key
""",
        """        select o.priority, o.job_id, o.batch_id, o.attempts, o.email_key
        from mailvault.outbox as o
        where o.ctid = any(v_picked)
""",
        RECORDS,
    ),
    Bug(
        "a claim while all is paused",
        CLAIM,
        "where c.paused_until > now()",
        "where c.paused_until < now()",
        TEST_CONTROL + "test_nothing_is_claimed_while_paused",
    ),
    Bug(
        "a batch counts as cancelled while a job moves into a lease",
        CONTROL,
        "    if v_seen = 0 then",
        "    if cardinality(v_gone) < p_limit then",
        TEST_CONTROL + "test_a_job_on_its_way_into_a_lease_is_not_missed",
    ),
    Bug(
        "a cancelled job comes back from a lease",
        SETTLE,
        """gone.attempts - 1, gone.email_key
        from gone
        where not gone.cancelled
""",
        """gone.attempts - 1, gone.email_key
        from gone
""",
        TEST_CONTROL + "test_cancelled_jobs_are_forgotten_wherever_they_are",
    ),
    Bug(
        "the position moves past what was seen",
        "mailvault/queue/position.py",
        "max(self._after[priority], furthest.job_id)",
        "max(self._after[priority], furthest.job_id + 1)",
        POSITION + "test_a_claim_begins_after_the_last_job_seen",
    ),
    Bug(
        "a worker never sweeps behind its position",
        "mailvault/queue/position.py",
        "return None if self._sweeping else list(self._after)",
        "return list(self._after)",
        MODEL,
    ),
    Bug(
        "retry keeps the attempts that it should reset",
        FAILURES,
        "case when p_reset then 0 else gone.attempts end",
        "gone.attempts",
        QUEUE + "test_retry_sends_dead_letters_back",
    ),
    Bug(
        "retry wakes nobody",
        FAILURES,
        "    perform mailvault.wake();\n    return v_sent",
        "    return v_sent",
        CONTENTION + "test_a_retry_tells_idle_workers",
    ),
    Bug(
        "enqueue wakes nobody",
        ENQUEUE,
        "        notify mailvault;\n",
        "        null;\n",
        TEST_ENQUEUE + "test_idle_workers_are_told",
    ),
    Bug(
        "a heartbeat renews the leases of others",
        RECOVER,
        "where l.worker_id = p_worker and l.deadline_at",
        "where l.deadline_at",
        MODEL,
    ),
    Bug(
        "an object in the ledger is overwritten",
        SETTLE,
        "on conflict (key) do nothing",
        "on conflict (key) do update set sha256 = excluded.sha256",
        TWO_DIGESTS,
    ),
    Bug(
        "the ledger's digest is not compared",
        SETTLE,
        "and p.sha256 <> (select",
        "and false and p.sha256 <> (select",
        TWO_DIGESTS,
    ),
    Bug(
        "two batches dispatch one email",
        ENQUEUE,
        "            when unique_violation then\n",
        "            when check_violation then\n",
        CONTENTION + "test_two_batches_dispatch_an_email_once",
    ),
    Bug(
        "the saved position runs ahead of what is dispatched",
        ENQUEUE,
        "coalesce(v_keys[v_found], b.position)",
        "(select mailvault.source_text(max(e.key)) from mailvault.source_email as e)",
        GONE_ON,
    ),
    Bug(
        "a drain ends before what is delayed",
        "sql/queries/queue.sql",
        "    and not exists (select from mailvault.delayed)\n",
        "",
        DELAY,
    ),
    Bug(
        "an ack before the last part is stored",
        "mailvault/worker/job.py",
        "len(self.stored) + len(self.errors) >= len(self.parts)",
        "len(self.stored) + len(self.errors) >= min(1, len(self.parts))",
        "tests/unit/test_job.py",
    ),
    Bug(
        "the breaker counts faults of the system",
        "mailvault/worker/breaker.py",
        "            if error.systemic:\n",
        "            if error.systemic and not error.retryable:\n",
        "tests/unit/test_breaker.py",
    ),
    Bug(
        "a 412 of the store is taken for success",
        "mailvault/store/boto_object.py",
        "        return holder.same and self.stored(holder.same, ",
        "        return self.stored(holder.same or self.content.whole()[1], ",
        OTHER_CONTENT,
    ),
    Bug(
        "what holds the key is compared by size alone",
        "mailvault/store/boto_target.py",
        "same = payload is not None and payload.digest == digest",
        "same = payload is not None",
        OTHER_CONTENT,
    ),
    Bug(
        "a change is taken up while somebody may have read the email before",
        LIVE,
        "when exists (select from mailvault.lease as l where l.job_id = j.id) then 'leased'\n",
        "when false then 'leased'\n",
        TEST_LIVE + "test_a_change_waits_for_the_lease_of_whoever_may_have_read_before",
    ),
    Bug(
        "a changed email is dispatched again with its old parts on record",
        LIVE,
        "    where p.job_id = any(p_jobs)\n    returning p.job_id, p.object_key\n",
        "    where false\n    returning p.job_id, p.object_key\n",
        TEST_LIVE + "test_changed_mail_is_stored_again[delete from files]",
    ),
    Bug(
        "what mailvault itself writes is a change",
        "sql/source/mark_emails.sql",
        "set \"mailvault.writes\" = 'on'\n",
        "",
        TEST_LIVE + "test_what_is_marked_is_no_change",
    ),
    Bug(
        "a shared part that changed is said to be stored by who read it before",
        "sql/source/mark_parts_shared.sql",
        "where c.kind = d.kind and c.part_key = d.part_key",
        "where false",
        TEST_LIVE + "test_a_shared_part_that_changed_is_not_stored_by_who_read_it_before",
    ),
    Bug(
        "a replica is read before it has what was claimed",
        "mailvault/source/replica.py",
        "if row is not None and row[0]:",
        "if row is not None:",
        "tests/fault/test_replica.py::test_a_worker_waits_until_the_replica_has_what_it_claimed",
    ),
    Bug(
        "a key that the application will look for gives way to another",
        "mailvault/store/boto_object.py",
        "if stored is None and not part.exact:",
        "if stored is None:",
        OTHER_CONTENT,
    ),
    Bug(
        "time in which nobody worked is in the rate",
        PACE,
        "where s.working > 0 and",
        "where",
        TEST_PACE + "test_time_in_which_nobody_worked_is_not_counted",
    ),
    Bug(
        "a change of the rate is not noticed",
        PACE,
        "c.seconds_newer >= 12\n",
        "c.seconds_newer >= 1200\n",
        TEST_PACE + "test_what_was_before_a_change_of_the_rate_is_forgotten",
    ),
    Bug(
        "cleared letters are sent round again with the others",
        FAILURES,
        "d.cleared_at is null else d.job_id",
        "true else d.job_id",
        "tests/integration/test_failed.py::test_what_is_cleared_stays_and_is_listed_no_longer",
    ),
)
