"""Enqueuing: what is selected, in chunks, from where it was, and never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.db import Pool
from mailvault.errors import ConfigError
from mailvault.queue.batches import Batches, Selection

if TYPE_CHECKING:
    from tests.application import Application


def dispatch(application: Application, selection: Selection, chunk: int = 100) -> int:
    batches = Batches(application.connection)
    batch = batches.open(selection)
    return max(batches.dispatch(batch, chunk), default=0) if batch else 0


def dispatched_emails(application: Application) -> list[int]:
    return [int(key) for (key,) in application.all("select email_key from mailvault.job")]


def test_everything_is_dispatched_once(application: Application) -> None:
    application.add_emails(250)
    assert dispatch(application, Selection()) == 250
    assert dispatch(application, Selection()) == 0
    application.add_emails(5)
    assert dispatch(application, Selection()) == 5
    assert len(dispatched_emails(application)) == 255
    application.reconcile()


def test_an_interrupted_batch_goes_on_where_it_was(application: Application) -> None:
    application.add_emails(1000)
    batches = Batches(application.connection)
    batch = batches.open(Selection())
    assert batch is not None
    chunks = batches.dispatch(batch, 100)
    assert [next(chunks), next(chunks)] == [100, 200]
    del chunks

    again = batches.find(batch.id)
    assert (again.state, again.total, again.dispatched) == ("enqueuing", 1000, 200)
    assert list(batches.dispatch(again, 400)) == [600, 1000, 1000]
    assert batches.find(batch.id).state == "enqueued"
    assert list(batches.dispatch(batches.find(batch.id), 400)) == []
    application.reconcile()


def test_asking_again_goes_on_with_an_interrupted_batch(application: Application) -> None:
    application.add_emails(500)
    batches = Batches(application.connection)
    batch = batches.open(Selection())
    assert batch is not None
    next(batches.dispatch(batch, 100))
    assert batches.open(Selection(max_emails=50)) != batches.find(batch.id)
    again = batches.open(Selection())
    assert again == batches.find(batch.id)
    list(batches.dispatch(again, 100))
    assert batches.find(batch.id).state == "enqueued"
    assert application.one("select count(*) from mailvault.job") == 500
    application.reconcile()


def test_two_enqueuers_of_one_batch_do_not_meet(application: Application) -> None:
    application.add_emails(1000)
    batch = Batches(application.connection).open(Selection())
    assert batch is not None

    def run(_number: int) -> None:
        with Pool(application.dsn) as pool, pool.connection() as connection:
            for _ in Batches(connection).dispatch(batch, 50):
                pass

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(run, range(4)))
    assert sorted(dispatched_emails(application)) == list(range(1, 1001))
    application.reconcile()


def test_a_selection_by_time(application: Application) -> None:
    for day in ("2024-01-01", "2024-06-01", "2025-01-01"):
        application.add_email(received_at=f"{day} 00:00:00+00")
    since, until = datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    assert dispatch(application, Selection(since=since, until=until)) == 1
    assert dispatched_emails(application) == [2]
    assert dispatch(application, Selection(until=until)) == 1
    assert dispatch(application, Selection(since=since)) == 1


def test_a_selection_by_id(application: Application) -> None:
    application.add_emails(10)
    batches = Batches(application.connection)
    assert batches.unknown_keys(Selection(email_keys=["3", "99"])) == ["99"]
    assert dispatch(application, Selection(email_keys=["3", "7"])) == 2
    assert sorted(dispatched_emails(application)) == [3, 7]


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_a_limit_counts_what_is_dispatched(application: Application, chunk: int) -> None:
    application.add_emails(20)
    assert dispatch(application, Selection(email_keys=["1", "2"])) == 2
    assert dispatch(application, Selection(max_emails=5), chunk) == 5
    assert sorted(dispatched_emails(application)) == [1, 2, 3, 4, 5, 6, 7]
    application.reconcile()


def test_what_the_application_calls_migrated_is_left_alone(application: Application) -> None:
    application.add_emails(3)
    application.connection.execute("update emails set is_migrated = true where id = 2")
    assert dispatch(application, Selection()) == 2
    assert sorted(dispatched_emails(application)) == [1, 3]


def test_a_dry_run_measures(application: Application) -> None:
    email = application.add_email("12345")
    application.add_email(None)
    application.add_file(email, b"1234567890", "a")
    measure = Batches(application.connection).measure(Selection())
    assert (measure.emails, measure.parts, measure.bytes) == (2, 2, 15)
    assert dispatched_emails(application) == []


def test_a_batch_that_is_not_there(application: Application) -> None:
    with pytest.raises(ConfigError, match="no batch 7"):
        Batches(application.connection).find(7)


def test_idle_workers_are_told(application: Application, direct: str) -> None:
    application.add_emails(1)
    application.connection.execute(
        "insert into mailvault.worker (host, pid, concurrency, uploader, uploader_reason, state) "
        "values ('here', 1, 1, 'rust', 'test', 'idle')"
    )
    with psycopg.connect(direct, autocommit=True) as listener:
        listener.execute("listen mailvault")
        dispatch(application, Selection())
        notes = list(listener.notifies(timeout=5, stop_after=1))
    assert [note.payload for note in notes] == [""]
