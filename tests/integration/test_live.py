"""With triggers on its tables, what an application changes is moved with no further enqueue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from mailvault.errors import ConfigError
from mailvault.source.mapping.live import install_live, is_live, remove_live
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import Source
from tests.patient import only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application


@pytest.fixture
def live(application: Application) -> Iterator[Application]:
    """An application whose changes are noted."""
    source = Source(application.connection, load_mapping())
    assert install_live(application.connection, source) == ["public.emails", "public.files"]
    yield application
    application.reconcile()


def noted(application: Application) -> list[str]:
    rows = application.all("select email_key from mailvault.change order by id")
    return [key for (key,) in rows]


def absorb(application: Application) -> int:
    count: int = application.one("select mailvault.absorb()")
    return count


def settle(application: Application) -> int:
    """Store everything that is ready; return how many emails that was."""
    return (
        application.one("""
        select cardinality(mailvault.ack(
            array_agg(c.job_id), array_agg(c.token), array_agg(c.place::integer),
            array_agg('body'::text), array_agg(c.email_key), array_agg('emails/' || c.email_key),
            array_agg(1::bigint), array_agg(sha256('x')), array_agg('etag'::text),
            array_agg('text/html'::text), array_agg(null::text), array_agg(null::text),
            array_agg(null::text), array_agg(null::bigint), array_agg(null::bytea)
        ))
        from mailvault.claim(1, 1000, '1 minute')
            with ordinality as c (job_id, token, email_key, attempt, priority, batch_id, place)
    """)
        or 0
    )


def test_new_mail_is_dispatched_with_the_transaction_that_adds_it(live: Application) -> None:
    connection = live.connection
    with connection.transaction():
        email = live.add_email()
        live.add_file(email, b"x", "x")
        with psycopg.connect(live.dsn, autocommit=True) as other:
            assert other.execute("select mailvault.absorb()").fetchone() == (0,)
    with connection.transaction(force_rollback=True):
        live.add_email()
    assert noted(live) == [str(email)] * 2
    assert absorb(live) == 2
    assert live.all("select email_key, batch_id, priority from mailvault.outbox") == [
        (str(email), 0, 1)
    ]
    assert absorb(live) == 0


def test_many_rows_of_one_statement_are_noted_at_once(live: Application) -> None:
    live.add_emails(5000)
    with live.connection.cursor().copy("copy emails (id, body) from stdin") as copy:
        copy.write(b"9999\tcopied\n")
    while absorb(live):
        pass
    assert live.one("select count(*) from mailvault.outbox") == 5001
    assert settle(live) == 1000


def test_what_does_not_concern_the_mail_is_no_change(live: Application) -> None:
    email = live.add_email()
    live.add_file(email, b"x", "x")
    absorb(live)
    run = live.connection.execute
    run("update emails set subject = 'other', migration_error = 'x'")
    run("update emails set body = body")
    run("update files set s3_path = 'x', filename = filename")
    assert noted(live) == []


def test_what_is_marked_is_no_change(live: Application) -> None:
    source = Source(live.connection, load_mapping())
    run = live.connection.execute
    run("alter table emails add seen boolean")
    email = source.mapping.email.model_copy(update={"filter": "not is_migrated and seen is null"})
    source = Source(live.connection, source.mapping.model_copy(update={"email": email}))
    source.install(live.connection)
    install_live(live.connection, source)
    live.add_email()
    absorb(live)
    assert settle(live) == 1  # which sets a flag that the filter looks at
    assert noted(live) == []
    run("update emails set is_migrated = false")
    assert noted(live) == ["1"]
    absorb(live)


def test_a_shared_part_that_changed_is_not_stored_by_who_read_it_before(live: Application) -> None:
    run = live.connection.execute
    mapping = load_mapping()
    shared = mapping.part[1].model_copy(update={"shared": True})
    source = Source(live.connection, mapping.model_copy(update={"part": (shared,)}))
    source.install(live.connection)
    install_live(live.connection, source)
    file = str(live.add_file(live.add_email(), b"x", "x"))
    assert absorb(live) == 2
    run("create table held as select * from mailvault.claim(1, 10, '1 minute')")
    mark = "select mailvault.source_mark_parts(array['attachment'], array[%s], array['key'])"
    run(mark, [file])
    assert live.one("select count(*) from mailvault.shared_part") == 1
    run("update files set local_path = 'other'")
    changed = "select email_key, part_key from mailvault.change order by email_key"
    assert live.all(changed) == [("1", None), (None, file)]
    assert absorb(live) == 0
    assert live.one("select count(*) from mailvault.shared_part") == 0
    run(mark, [file])
    assert live.one("select count(*) from mailvault.shared_part") == 0
    run("select mailvault.release(array_agg(job_id), array_agg(token)) from held")
    assert absorb(live) == 2
    run(mark, [file])
    assert live.one("select count(*) from mailvault.shared_part") == 1


@pytest.mark.parametrize(
    "change",
    [
        "update emails set body = 'other'",
        "update files set filename = 'other'",
        "insert into files (email_id, local_path) values (1, 'y')",
        "delete from files",
    ],
)
def test_changed_mail_is_stored_again(live: Application, change: str) -> None:
    email = live.add_email()
    live.add_file(email, b"x", "x")
    absorb(live)
    assert settle(live) == 1
    assert live.processed() == 1
    live.connection.execute(change)
    assert noted(live) == [str(email)]
    assert absorb(live) == 1
    assert (live.processed(), live.one("select count(*) from mailvault.part")) == (0, 0)
    live.reconcile()
    assert settle(live) == 1
    assert live.processed() == 1


def test_an_attachment_that_goes_to_another_email_changes_both(live: Application) -> None:
    one, other = live.add_email(), live.add_email()
    live.add_file(one, b"x", "x")
    absorb(live)
    live.connection.execute("update files set email_id = %s", [other])
    assert sorted(noted(live)) == [str(one), str(other)]


def test_a_change_waits_for_the_lease_of_whoever_may_have_read_before(live: Application) -> None:
    email = live.add_email()
    absorb(live)
    run = live.connection.execute
    run("create table held as select * from mailvault.claim(1, 10, '1 minute')")
    run("update emails set body = 'other'")
    assert absorb(live) == 0
    assert noted(live) == [str(email)]
    run("select mailvault.release(array_agg(job_id), array_agg(token)) from held")
    assert absorb(live) == 1
    assert settle(live) == 1
    assert noted(live) == []


def test_a_dead_letter_that_changes_has_all_its_attempts_again(live: Application) -> None:
    live.add_email()
    absorb(live)
    run = live.connection.execute
    run("""
        select mailvault.nack(
            1, array_agg(c.job_id), array_agg(c.token), array_agg('fault'::text),
            array_agg('why'::text), array_agg(false)
        )
        from mailvault.claim(1, 64, '1 minute') as c
    """)
    assert live.one("select count(*) from mailvault.dead_letter") == 1
    run("update emails set body = 'mended'")
    assert absorb(live) == 1
    assert live.all("select attempts from mailvault.outbox") == [(0,)]


def test_mail_that_is_gone_or_not_wanted_is_let_be(live: Application) -> None:
    first, second = live.add_email(), live.add_email()
    absorb(live)
    assert settle(live) == 2
    live.connection.execute("update emails set body = 'x' where id = %s", [first])
    live.connection.execute("delete from emails where id = %s", [first])
    live.connection.execute("insert into emails (body, is_migrated) values ('x', true)")
    absorb(live)
    assert live.one("select count(*) from mailvault.outbox") == 0
    assert live.processed() == 2
    assert second


def test_two_workers_take_up_the_same_change_once(live: Application) -> None:
    email = live.add_email()
    absorb(live)
    assert settle(live) == 1
    for _ in range(2):
        live.connection.execute("update emails set body = body || 'x'")
    with psycopg.connect(live.dsn) as one:
        assert one.execute("select mailvault.absorb(1)").fetchone() == (1,)
        assert noted(live) == [str(email)] * 2
        with psycopg.connect(live.dsn) as other:
            other.execute("set lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("select mailvault.absorb(1)")
    assert absorb(live) == 1
    assert live.one("select count(*) from mailvault.outbox") == 1


def test_the_application_needs_no_rights_and_never_fails(live: Application) -> None:
    run = live.connection.execute
    run("create role of_application")
    try:
        run("grant all on emails, files to of_application; set role of_application")
        live.add_email()
        run("reset role; alter table mailvault.change rename to gone; set role of_application")
        live.add_email()
        live.add_email()
        run("reset role; alter table mailvault.gone rename to change")
    finally:
        run("reset role; drop owned by of_application; drop role of_application")
    assert len(noted(live)) == 1
    [(table, message)] = live.all("select table_name, message from mailvault.missed_change")
    assert (table, message) == ("emails", 'relation "mailvault.change" does not exist')
    found = only(live.connection, "changes")
    assert found.severity == "problem"
    assert "of emails were not noted, since 2" in found.what
    assert found.remedy is not None
    run(found.remedy.rpartition("and: ")[2])
    assert only(live.connection, "changes").severity == "ok"
    absorb(live)


SPY = """
create table pg_temp.seen (who name);
create function pg_temp.spy(pg_catalog.text) returns boolean language plpgsql
as $$ begin insert into pg_temp.seen values (current_user); return true; end $$;
create domain pg_temp.text as pg_catalog.text check (pg_temp.spy(value));
create domain pg_temp.regclass as pg_catalog.regclass;
"""


def test_nothing_of_the_application_runs_with_the_rights_of_the_triggers(
    live: Application, direct: str
) -> None:
    run = live.connection.execute
    run("create role intruder")
    try:
        run("grant all on emails, emails_id_seq to intruder")
        with psycopg.connect(direct, autocommit=True) as other:  # in one session
            other.execute("set role intruder")
            other.execute(SPY)
            other.execute("insert into emails (body) values ('x')")
            assert other.execute("select who from pg_temp.seen").fetchall() == []
    finally:
        run("drop owned by intruder; drop role intruder")
    assert noted(live) == ["1"]
    absorb(live)


def test_the_triggers_find_what_init_found(live: Application) -> None:
    run = live.connection.execute
    run(
        'create schema "Of, it"; create function "Of, it".ok(int) returns bool '
        "language sql as 'select true'; set search_path = pg_temp, \"Of, it\", public"
    )
    mapping = load_mapping()
    part = mapping.part[1].model_copy(update={"filter": "ok(1)"})
    source = Source(live.connection, mapping.model_copy(update={"part": (part,)}))
    source.install(live.connection)
    install_live(live.connection, source)
    [(settings,)] = live.all("select proconfig from pg_proc where proname = 'live_1'")
    assert settings == ['search_path="Of, it", public, pg_temp']
    run("reset search_path")
    live.add_file(live.add_email(), b"x", "x")
    assert noted(live) == ["1", "1"]
    absorb(live)


def test_the_triggers_go_without_a_trace(live: Application) -> None:
    remove_live(live.connection)
    assert not is_live(live.connection)
    live.add_email()
    assert noted(live) == []
    assert live.one("select count(*) from pg_proc where proname like 'live\\_%%'") == 0


def test_the_application_does_not_queue_behind_their_removal(live: Application) -> None:
    live.connection.execute("set statement_timeout = '4s'")
    with psycopg.connect(live.dsn) as dump:
        dump.execute("lock table emails in access share mode")
        with (
            pytest.raises(psycopg.errors.LockNotAvailable),
            live.connection.transaction(),
        ):
            remove_live(live.connection)
    assert is_live(live.connection)


def test_a_table_that_is_called_in_two_ways_has_its_triggers_once(live: Application) -> None:
    mapping = load_mapping()
    body = mapping.part[0].model_copy(update={"table": "public.emails"})
    source = Source(live.connection, mapping.model_copy(update={"part": (body, mapping.part[1])}))
    source.install(live.connection)
    assert install_live(live.connection, source) == ["public.emails", "public.files"]


def test_a_mapping_with_dollars_in_it_is_refused(live: Application) -> None:
    mapping = load_mapping()
    live.connection.execute('alter table files add "a$$b" bigint')
    part = mapping.part[1].model_copy(update={"email": ("a$$b",)})
    source = Source(live.connection, mapping.model_copy(update={"part": (part,)}))
    source.install(live.connection)
    with pytest.raises(ConfigError, match=r"has \$\$ in it"), live.connection.transaction():
        install_live(live.connection, source)


def test_init_fits_the_triggers_to_another_mapping(live: Application) -> None:
    live.connection.execute("alter table emails rename body to words")
    mapping = load_mapping()
    body = mapping.part[0].model_copy(update={"content": "words"})
    source = Source(live.connection, mapping.model_copy(update={"part": (body,)}))
    source.install(live.connection)
    assert install_live(live.connection, source) == ["public.emails"]
    live.connection.execute("insert into emails (words) values ('x')")
    assert noted(live) == ["1"]
    assert live.one("select count(*) from pg_trigger where tgname like 'mailvault%%'") == 3
    absorb(live)


def test_a_change_that_cannot_be_taken_up_is_set_aside(live: Application) -> None:
    run = live.connection.execute
    mapping = load_mapping()
    email = mapping.email.model_copy(update={"filter": "subject::int < 5"})
    Source(live.connection, mapping.model_copy(update={"email": email})).install(live.connection)
    run("insert into emails (subject) select case n when 3 then 'n/a' else '1' end "
        "from generate_series(1, 9) as n")  # fmt: skip
    run("insert into mailvault.change (email_key) values ('of another mapping')")
    assert absorb(live) == 10
    assert noted(live) == []
    assert live.one("select count(*) from mailvault.outbox") == 8
    found = only(live.connection, "changes")
    assert found.what.startswith("changes of 2 emails could not be taken up")
    assert found.remedy is not None
    run("delete from mailvault.missed_change where email_key <> '3'")
    run("update emails set subject = '2' where id = 3")
    run(found.remedy.partition("then: ")[2])
    assert only(live.connection, "changes").severity == "ok"
    absorb(live)
    assert live.one("select count(*) from mailvault.outbox") == 9
