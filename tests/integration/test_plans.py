"""The plans of the hot queries: what they read is bounded by the group, not by the tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from mailvault.db import query
from mailvault.queue.batches import Batches, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application

GROUP = 64
READ_AT_MOST = 4 * GROUP
"""Rows that one node of a plan may read: some look-ups, none of them over a table."""

LARGE = {"outbox", "job", "object", "part", "delayed", "dead_letter", "emails", "files"}
"""Tables that grow with the backlog. A lease, and a worker, is one row for each in hand."""

KEYS = [str(key) for key in range(1000, 1000 + GROUP)]
WANTED = {"email_keys": KEYS, "kinds": ["body"] * GROUP, "part_keys": KEYS}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def rows_read(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node.get("Actual Rows", 0) + removed) * node.get("Actual Loops", 0))


def check(plan: dict[str, Any]) -> set[str]:
    """Make sure that a plan reads little; return the large tables that it reads."""
    scans = [node for node in nodes(plan) if node.get("Relation Name") in LARGE]
    for node in scans:
        assert node["Node Type"] != "Seq Scan", json.dumps(node)
        assert rows_read(node) <= READ_AT_MOST, json.dumps(node)
    return {node["Relation Name"] for node in scans}


@pytest.fixture(params=[20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def filled(application: Application, request: pytest.FixtureRequest) -> Application:
    """Half of the emails in the outbox, and some dead letters and jobs that wait."""
    emails: int = request.param
    application.add_emails(emails)
    run = application.connection.execute
    run("insert into files (email_id, local_path) select id, id::text from emails")
    batches = Batches(application.connection)
    batch = batches.open(Selection(max_emails=emails // 2))
    assert batch is not None
    list(batches.dispatch(batch, 10_000))
    run("""
        with gone as (
            delete from mailvault.outbox where job_id % 10 = 0 returning job_id, batch_id
        )
        insert into mailvault.dead_letter (job_id, batch_id, attempts, reason, message)
        select job_id, batch_id, 3, 'fault', 'why' from gone
    """)
    run("""
        with gone as (
            delete from mailvault.outbox where job_id % 10 = 1
            returning priority, job_id, batch_id, email_key
        )
        insert into mailvault.delayed (priority, job_id, batch_id, email_key, attempts, due_at)
        select
            priority, job_id, batch_id, email_key, 1,
            now() + interval '1 hour' - job_id * interval '1 second'
        from gone
    """)
    run("vacuum analyze")
    return application


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("describe", {"email_keys": KEYS}),
        ("read", WANTED),
        (
            "read_slices",
            {"email_key": "7", "kind": "body", "part_key": "7", "length": 9},
        ),
    ],
)
def test_mail_is_read_by_its_key(
    filled: Application, name: str, parameters: dict[str, object]
) -> None:
    row = filled.connection.execute(
        f"explain (analyze, format json) {query('source', name)}", parameters
    ).fetchone()
    assert row is not None
    assert "emails" in check(row[0][0]["Plan"])


SETTINGS = ("min_duration = 0", "nested_statements = on", "analyze = on", "format = json")


def plans_of(direct: str, call: str) -> list[dict[str, Any]]:
    """The plans of the statements within a function, as auto_explain tells them."""
    said: list[str] = []
    with psycopg.connect(direct, autocommit=True) as connection:
        connection.execute("load 'auto_explain'")
        for setting in SETTINGS:
            connection.execute(f"set auto_explain.log_{setting}")
        connection.execute("set client_min_messages = log")
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        connection.execute(call)
    return [json.loads(text[text.index("{") :])["Plan"] for text in said if "plan:" in text]


CLAIM = "select * from mailvault.claim(1, 64, '1 minute', array_fill(100::bigint, array[10]))"
SWEEP = "select * from mailvault.claim(1, 64, '1 minute')"
CHUNK = "select * from mailvault.enqueue_chunk((select max(id) from mailvault.batch), 64)"
ENQUEUE = "select mailvault.enqueue(max(id)) from emails"
RETRY = "select mailvault.retry(p_limit => 64)"
ORDERS = "select * from mailvault.orders(1)"
REAP = "select mailvault.reap('20 seconds', 3, 64) from mailvault.claim(1, 64, '1 minute')"
BEAT = "select mailvault.heartbeat(1, 'running', 1, p_renewal => '1 hour')"
ACK = """
select mailvault.ack(
    array_agg(c.job_id), array_agg(c.token), array_agg(c.place::integer),
    array_agg('body'::text), array_agg(c.email_key), array_agg('emails/' || c.email_key),
    array_agg(1::bigint), array_agg(sha256('x')), array_agg('etag'::text),
    array_agg('text/html'::text), array_agg(null::text), array_agg(null::text),
    array_agg('zstd'::text), array_agg(7::bigint), array_agg(sha256('a text'))
)
from
    mailvault.claim(1, 64, '1 minute')
    with ordinality as c (job_id, token, email_key, attempt, priority, batch_id, place)
"""
NACK = """
select mailvault.nack(
    1, array_agg(c.job_id), array_agg(c.token), array_agg('fault'::text), array_agg('why'::text),
    array_agg(true)
)
from mailvault.claim(1, 64, '1 minute') as c
"""
RELEASE = """
select mailvault.release(array_agg(c.job_id), array_agg(c.token))
from mailvault.claim(1, 64, '1 minute') as c
"""
CALLS = {
    "claim": (CLAIM, {"outbox"}),
    "sweep": (SWEEP, {"outbox", "delayed"}),
    "chunk": (CHUNK, {"emails"}),
    "enqueue": (ENQUEUE, {"emails"}),
    "ack": (ACK, {"object", "emails"}),
    "nack": (NACK, {"emails"}),
    "release": (RELEASE, {"outbox"}),
    "retry": (RETRY, {"dead_letter", "job"}),
    "reap": (REAP, {"outbox"}),
    "heartbeat": (BEAT, set()),
    "orders": (ORDERS, set()),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_queue_reads_no_more_than_its_group(
    filled: Application, direct: str, call: str
) -> None:
    Batches(filled.connection).open(Selection())
    statement, tables = CALLS[call]
    plans = plans_of(direct, statement)
    assert plans
    assert set().union(*(check(plan) for plan in plans)) >= tables
