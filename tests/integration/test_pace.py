"""How much time is left: from the latest seconds of work, and from no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mailvault.observe.snapshot import take_details, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailvault.observe.snapshot import Snapshot
    from tests.application import Application

STEP = 5


def _write(
    application: Application,
    steps: Iterable[tuple[int, int]],
    *,
    total: int,
    size: int = 10,
    source_bytes: int | None = None,
) -> None:
    """Write samples, the last one of now: emails stored in each five seconds, and who worked."""
    steps = [(0, 1), *steps]
    seconds, done = STEP * (len(steps) - 1), 0
    application.connection.execute("delete from mailvault.batch where id > 0")
    application.connection.execute(
        "insert into mailvault.batch (state, total, dispatched, enqueued_at, started_at,"
        " source_bytes) values ('enqueued', %s, %s, now(), now() - interval '1 hour', %s)",
        (total, total, source_bytes),
    )
    [(batch,)] = application.all("select max(id) from mailvault.batch")
    for emails, working in steps:
        done += emails
        application.connection.execute(
            "insert into mailvault.sample (batch_id, sampled_at, taken_at, processed, dead, bytes,"
            " source_bytes, working)"
            " select %(batch)s, at, at, %(done)s, 0, 0, %(bytes)s, %(working)s"
            " from (select now() - make_interval(secs => %(ago)s) as at) as t",
            {"batch": batch, "done": done, "bytes": size * done, "working": working,
             "ago": seconds},
        )  # fmt: skip
        seconds -= STEP
    application.connection.execute(
        "insert into mailvault.tally (batch_id, processed, source_bytes) values (%s, %s, %s)",
        (batch, done, size * done),
    )
    application.connection.execute(
        "insert into mailvault.worker (host, pid, concurrency, uploader, uploader_reason)"
        " values ('here', 1, 1, 'rust', '')"
    )


def tell(application: Application, *arguments: Any, **named: Any) -> None:
    """Write samples, all at one and the same moment."""
    with application.connection.transaction():
        _write(application, *arguments, **named)


def look(application: Application) -> Snapshot:
    snapshot = take_snapshot(application.connection)
    assert snapshot is not None
    return snapshot


def test_a_steady_rate_says_when_it_will_be_over(application: Application) -> None:
    tell(application, [(50, 1)] * 24, total=4_200)
    seen = look(application)
    assert seen["eta"]["state"] == "ready"
    assert seen["batch"]["rate_per_min"] == pytest.approx(600)
    assert seen["batch"]["eta_s"] == pytest.approx(300)
    assert seen["eta"]["low_s"] < 300 < seen["eta"]["high_s"]
    [(left,)] = application.all("select extract(epoch from time_left) from mailvault.progress")
    assert float(left) == pytest.approx(300)


def test_a_few_seconds_tell_nothing_yet(application: Application) -> None:
    tell(application, [(50, 1)] * 2, total=4_200)
    seen = look(application)
    assert seen["eta"] == {"state": "measuring", "low_s": None, "high_s": None, "at": None}
    assert seen["batch"]["eta_s"] is None


def test_time_in_which_nobody_worked_is_not_counted(application: Application) -> None:
    tell(application, [(50, 1), (0, 0)] * 12, total=1_600)
    assert look(application)["batch"]["eta_s"] == pytest.approx(100)


def test_while_all_is_paused_it_says_how_much_work_is_left(application: Application) -> None:
    tell(application, [(50, 1)] * 12, total=1_600)
    application.connection.execute("select mailvault.pause('somebody', '2 hours')")
    seen = look(application)
    assert seen["eta"]["state"] == "held"
    assert seen["eta"]["at"] is None
    assert seen["batch"]["eta_s"] == pytest.approx(100)
    assert seen["hold"] is not None
    assert "somebody" in seen["hold"]["reasons"][0]["observed"]


def test_what_was_before_a_change_of_the_rate_is_forgotten(application: Application) -> None:
    tell(application, [(100, 1)] * 24 + [(50, 1)] * 4, total=3_600)
    assert look(application)["batch"]["eta_s"] == pytest.approx(100)


def test_large_and_small_emails_in_turn_are_no_change(application: Application) -> None:
    tell(application, [(100, 1), (20, 1), (60, 1)] * 8, total=2_640)
    assert look(application)["batch"]["eta_s"] == pytest.approx(100)


def test_large_emails_at_the_end_are_told_by_their_bytes(application: Application) -> None:
    tell(application, [(50, 1)] * 12, total=700, source_bytes=600 * 10 + 100 * 1000)
    by_emails, by_bytes = 10, 1000
    assert look(application)["batch"]["eta_s"] == pytest.approx(by_bytes)
    application.connection.execute("update mailvault.batch set source_bytes = null")
    assert look(application)["batch"]["eta_s"] == pytest.approx(by_emails)


def test_nothing_left_is_due_and_nobody_at_work_is_stalled(application: Application) -> None:
    tell(application, [(50, 1)] * 12, total=600)
    assert look(application)["eta"]["state"] == "due"
    application.connection.execute("update mailvault.batch set total = 700, dispatched = 700")
    assert look(application)["eta"]["state"] == "ready"
    application.connection.execute("update mailvault.worker set state = 'stopped'")
    assert look(application)["eta"]["state"] == "stalled"


def test_the_chart_shows_what_was_done_in_each_quarter_of_a_minute(
    application: Application,
) -> None:
    tell(application, [(50, 1)] * 24, total=4_200)
    rates = [rate for rate in take_details(application.connection).chart if rate is not None]
    assert len(rates) in {7, 8}
    assert rates[1:] == pytest.approx([10] * (len(rates) - 1))


def test_old_samples_are_thinned_to_what_the_minutes_show(application: Application) -> None:
    tell(application, [(50, 1)] * 400, total=40_000)
    minutes = "select * from mailvault.throughput order by minute"
    before, pace = application.all(minutes), look(application)["batch"]["eta_s"]
    application.connection.execute("select mailvault.fold()")
    assert application.one("select count(*) from mailvault.sample") < 401 - 100
    assert application.all(minutes) == before
    assert look(application)["batch"]["eta_s"] == pytest.approx(pace, rel=0.01)
    application.connection.execute("select mailvault.fold()")
    assert application.all(minutes) == before


def test_a_batch_that_has_just_ended_tells_how_fast_the_next_one_goes(
    application: Application,
) -> None:
    tell(application, [(50, 1)] * 12, total=600)
    application.connection.execute(
        "insert into mailvault.batch (state, total, dispatched, enqueued_at, started_at)"
        " values ('enqueued', 1000, 1000, now(), now())"
    )
    assert look(application)["batch"]["eta_s"] == pytest.approx(100)
