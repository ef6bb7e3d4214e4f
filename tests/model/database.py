"""The real queue, for the model's tests: looked at as a whole, and its clock moved."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

EMAILS = 10
WITH_FILE = frozenset({3, 6, 9})

LOOK = """
create function look() returns json language plpgsql as $$ begin return json_build_object(
'paused', (select paused_at is not null from mailvault.control),
'jobs', (select json_agg(json_build_array(id, email_key, batch_id, priority) order by id)
    from mailvault.job),
'ready', (select json_agg(json_build_array(job_id, batch_id, attempts, priority) order by job_id)
    from mailvault.outbox),
'delayed', (select json_agg(json_build_array(job_id, batch_id, attempts,
    (extract(epoch from due_at) * 1000000)::bigint) order by job_id)
    from mailvault.delayed),
'leased', (select json_agg(json_build_array(job_id, batch_id, attempts, token, worker_id,
    (extract(epoch from leased_at) * 1000000)::bigint,
    (extract(epoch from deadline_at) * 1000000)::bigint, cancelled) order by job_id)
    from mailvault.lease),
'dead', (select json_agg(json_build_array(job_id, batch_id, attempts, reason, message)
    order by job_id) from mailvault.dead_letter),
'failures', (select json_agg(json_build_array(job_id, attempt, reason, worker_id)
    order by job_id, attempt, reason collate "C", worker_id) from mailvault.failure),
'emails', (select json_agg(json_build_array(id, is_migrated, migration_attempts, migration_error,
    body_s3_path) order by id) from emails),
'files', (select json_agg(json_build_array(id, s3_path) order by id) from files),
'parts', (select json_agg(json_build_array(p.job_id, p.kind, p.part_key, p.object_key, o.size)
    order by p.job_id, p.kind)
    from mailvault.part as p full join mailvault.object as o on o.key = p.object_key),
'workers', (select json_agg(json_build_array(id, state,
    (extract(epoch from heartbeat_at) * 1000000)::bigint) order by id) from mailvault.worker),
'progress', (select json_agg(json_build_array(batch, state, total, dispatched, processed, failed,
    ready, delayed, leased, remaining, cancelled) order by batch) from mailvault.progress),
'tally', (select json_agg(json_build_array(b.id,
    coalesce(t.processed, 0), coalesce(t.dead, 0), coalesce(t.delayed, 0),
    coalesce(t.parts, 0), coalesce(t.bytes, 0),
    coalesce(t.dispatched, 0), coalesce(t.cancelled, 0)) order by b.id)
    from mailvault.batch as b left join (
        select batch_id, sum(processed) as processed, sum(dead) as dead, sum(delayed) as delayed,
            sum(parts) as parts, sum(bytes) as bytes, sum(dispatched) as dispatched,
            sum(cancelled) as cancelled
        from mailvault.tally group by batch_id
    ) as t on t.batch_id = b.id)
); end $$
"""

COLUMNS = """
select c.table_name, array_agg(c.column_name::text)
from information_schema.columns as c
inner join information_schema.tables as t using (table_schema, table_name)
where c.table_schema = 'mailvault' and t.table_type = 'BASE TABLE'
    and c.data_type = 'timestamp with time zone'
    and c.table_name not in ('schema_version', 'sample')
    and c.column_name not in ('since', 'until')
group by c.table_name
"""

TABLES = """
select table_name from information_schema.tables
where table_schema = 'mailvault' and table_type = 'BASE TABLE'
    and table_name not in ('schema_version', 'control', 'batch')
"""

UNMARK = """
update emails set is_migrated = false, migration_attempts = 0, migration_error = null,
    body_s3_path = null
where migration_attempts > 0;
update files set s3_path = null where s3_path is not null
"""

IDENTITIES = """
select format('select setval(%L, 1, false)', pg_get_serial_sequence('mailvault.' || table_name,
    column_name))
from information_schema.columns
where table_schema = 'mailvault' and is_identity = 'YES'
"""


class Line:
    """One connection, on which every transaction begins with the time that it will go by."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        # What waits longer than this was not foreseen by the model.
        self.connection.execute("set lock_timeout = '5s'; set synchronous_commit = off")

    def begin(self) -> int:
        """Begin a transaction; return its now(), in microseconds."""
        [now] = self.last("begin; select (extract(epoch from now()) * 1000000)::bigint")
        return int(now)

    def last(self, statements: str) -> tuple[Any, ...]:
        """The row that the second of two statements returns."""
        cursor = self.connection.execute(statements, prepare=False)
        cursor.nextset()
        row = cursor.fetchone()
        assert row is not None
        return row

    def end(self, verb: str) -> None:
        """Commit or roll back."""
        self.connection.execute(verb)


class Database:
    """An initialised database with ten emails; `connection` lends out the connection in use.

    `main` is where all happens but the transaction that stays open, which is on `beside`.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.main = Line(dsn)
        self.beside = Line(dsn)
        self._watch = Line(dsn).connection
        self.using = self.main
        self.main.connection.execute(
            "insert into emails (id, body) select n, 'x' from generate_series(1, %s) as n",
            [EMAILS],
        )
        self.main.connection.execute(
            "insert into files (id, email_id) select n, n from unnest(%s) as n", [list(WITH_FILE)]
        )
        run = self.main.connection.execute
        run(LOOK)
        self._clean = "; ".join(
            [
                *(f"delete from mailvault.{table}" for (table,) in run(TABLES)),
                "delete from mailvault.batch where id > 0",
                "update mailvault.batch set started_at = null where id = 0",
                "update mailvault.control set paused_at = null, paused_by = null",
                *(statement for (statement,) in run(IDENTITIES)),
                UNMARK,
            ]
        )
        self._shift = "; ".join(
            f"update mailvault.{table} set "
            + ", ".join(f"{column} = {column} - interval '{{0}} us'" for column in columns)
            for table, columns in run(COLUMNS)
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """What a pool would do."""
        yield self.using.connection

    def close(self) -> None:
        """Close all connections."""
        for connection in (self.main.connection, self.beside.connection, self._watch):
            connection.close()

    def clean(self) -> None:
        """Forget everything, and start chance anew, so that a history can be repeated."""
        self.using = self.main
        for line in (self.main, self.beside):
            line.connection.rollback()
            line.connection.execute("select setseed(0.5)")
        self.main.connection.execute(self._clean, prepare=False)

    def look(self) -> dict[str, Any]:
        """Commit what is under way; return the whole queue as it is committed."""
        [row] = self.main.last("commit; select look()")
        return {name: [] if found is None else found for name, found in row.items()}

    def pass_time(self, span: int) -> None:
        """Let all stored times be older: nothing else tells how late it is."""
        self.main.connection.execute(self._shift.format(span), prepare=False)

    def dispatch(self, email: int, priority: int) -> int:
        """What the application calls in its own transaction."""
        with self.connection() as connection:
            row = connection.execute(
                "select mailvault.enqueue(%s::bigint, %s::int)", [email, priority]
            ).fetchone()
        assert row is not None
        return int(row[0])

    def kill_beside(self) -> None:
        """Kill the server process of the second connection, and connect anew."""
        pid = self.beside.connection.info.backend_pid
        self._watch.execute("select pg_terminate_backend(%s, 10000)", [pid])
        self.beside.connection.close()
        self.beside = Line(self._dsn)
        self.beside.connection.execute("select setseed(0.5)")

    def is_waiting(self) -> bool:
        """Whether the main connection waits for a lock."""
        row = self._watch.execute(
            "select cardinality(pg_blocking_pids(%s)) > 0",
            [self.main.connection.info.backend_pid],
        ).fetchone()
        return bool(row and row[0])

    def rewind(self, sequences: dict[str, int | None]) -> None:
        """Set sequences back, as a standby does that did not receive the last of them."""
        for name, value in sequences.items():
            self.main.connection.execute(
                "select setval(%s, %s, %s)", [f"mailvault.{name}", value or 1, value is not None]
            )

    def sequences(self) -> dict[str, int | None]:
        """Where all sequences are."""
        return dict(
            self.main.connection.execute(
                "select sequencename::text, last_value from pg_sequences "
                "where schemaname = 'mailvault'"
            ).fetchall()
        )
