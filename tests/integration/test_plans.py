"""The plans of the hot queries: they find rows by an index, however large the tables are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mailvault.db import query
from mailvault.queue.batches import Batches, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application

EMAILS = 20_000
GROUP = 64
KEYS = [str(key) for key in range(1000, 1000 + GROUP)]
WANTED = {"email_keys": KEYS, "kinds": ["body"] * GROUP, "part_keys": KEYS}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.fixture
def filled(application: Application) -> Application:
    application.add_emails(EMAILS)
    application.connection.execute(
        "insert into files (email_id, local_path) select id, id::text from emails"
    )
    batches = Batches(application.connection)
    batch = batches.open(Selection(max_emails=EMAILS // 2))
    assert batch is not None
    list(batches.dispatch(batch, 10_000))
    application.connection.execute("vacuum analyze")
    return application


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("describe", {"email_keys": KEYS}),
        ("read", WANTED),
        (
            "read_slice",
            {"email_key": "7", "kind": "body", "part_key": "7", "offset": 0, "length": 9},
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
    scans = [node for node in nodes(row[0][0]["Plan"]) if node.get("Relation Name")]
    assert {node["Relation Name"] for node in scans} >= {"emails"}
    for node in scans:
        assert node["Node Type"] != "Seq Scan", node
        assert node["Actual Rows"] * node["Actual Loops"] <= 2 * GROUP, node


def plans_of(filled: Application, call: str) -> list[str]:
    """The plans of the statements within a function, as auto_explain tells them."""
    plans: list[str] = []
    connection = filled.connection
    connection.execute("load 'auto_explain'")
    for setting in ("log_min_duration = 0", "log_nested_statements = on"):
        connection.execute(f"set auto_explain.{setting}")
    connection.execute("set client_min_messages = log")
    connection.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
    connection.execute(call)
    return plans


CLAIM = "select * from mailvault.claim(1, 64, '1 minute')"
ENQUEUE = "select * from mailvault.enqueue_chunk((select max(id) from mailvault.batch), 64)"
ACK = """
select mailvault.ack(
    array_agg(c.job_id), array_agg(c.token), array_agg(c.job_id), array_agg('body'::text),
    array_agg(c.email_key), array_agg('emails/' || c.email_key), array_agg(1::bigint),
    array_agg(sha256('x')), array_agg('etag'::text), array_agg('text/html'::text)
)
from mailvault.claim(1, 64, '1 minute') as c
"""
NACK = """
select mailvault.nack(
    1, array_agg(c.job_id), array_agg(c.token), array_agg('fault'::text), array_agg('why'::text),
    array_agg(true)
)
from mailvault.claim(1, 64, '1 minute') as c
"""


@pytest.mark.parametrize(
    "call", [CLAIM, ENQUEUE, ACK, NACK], ids=["claim", "chunk", "ack", "nack"]
)
def test_the_queue_reads_no_table_as_a_whole(filled: Application, call: str) -> None:
    Batches(filled.connection).open(Selection())
    plans = plans_of(filled, call)
    assert any("outbox" in plan for plan in plans)
    for plan in plans:
        for table in ("outbox", "job", "emails", "files", "object", "part"):
            assert f"Seq Scan on {table} " not in plan, plan
