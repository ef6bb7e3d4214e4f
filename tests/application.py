"""The quick start's application, as the tests play it: its tables, and what it sees in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from mailvault.db import sql_directory
from mailvault.migrate import migrate
from mailvault.source.mapping.load import load_mapping
from mailvault.source.mapping.views import install_source

if TYPE_CHECKING:
    from pathlib import Path

    from mailvault.source.mapping.form import Mapping


class Application:
    """An initialised database, and the application that writes mail to it."""

    def __init__(
        self, dsn: str, files_root: Path, mapping: Mapping | None = None, *, is_new: bool = True
    ) -> None:
        self.dsn = dsn
        self.files_root = files_root
        # As it must be where a pooler may be in between.
        self.connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        if not is_new:
            return
        migrate(self.connection)
        self.connection.execute((sql_directory() / "example.sql").read_text())
        install_source(self.connection, mapping or load_mapping())

    def one(self, statement: str, *parameters: object) -> Any:
        """The first column of the first row."""
        row = self.connection.execute(statement, parameters).fetchone()
        return row[0] if row else None

    def all(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows."""
        return self.connection.execute(statement, parameters).fetchall()

    def processed(self) -> int:
        """How many emails are counted as stored."""
        count: int = self.one("select coalesce(sum(processed), 0) from mailvault.tally")
        return count

    def add_email(self, body: str | None = "<p>hello</p>", received_at: str = "now") -> int:
        """One email with a body alone; return its id."""
        email: int = self.one(
            "insert into emails (body, received_at) values (%s, %s) returning id",
            body,
            received_at,
        )
        return email

    def add_emails(self, count: int) -> None:
        """Many emails, each with a body of its own."""
        self.connection.execute(
            "insert into emails (body) select '<p>hello ' || n || '</p>' "
            "from generate_series(1, %s) as n",
            [count],
        )

    def add_file(self, email: int, content: bytes | None, path: str | None, **row: object) -> int:
        """An attachment of an email: its row, and its file unless `content` is None."""
        if content is not None and path is not None:
            target = self.files_root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        size = len(content) if content is not None else 1
        values = {"filename": "a.bin", "content_type": "application/octet-stream", **row}
        file: int = self.one(
            "insert into files (email_id, filename, content_type, size, local_path) "
            "values (%s, %s, %s, %s, %s) returning id",
            email, values["filename"], values["content_type"], size, path,
        )  # fmt: skip
        return file

    def environment(self) -> dict[str, str]:
        """Settings with which mailvault finds this application."""
        return {"DATABASE_URL": self.dsn, "MIGRATION_FILES_ROOT": str(self.files_root)}

    def reconcile(self) -> None:
        """Make sure that the counts are those of the tables, and each job is in one place."""
        counted = self.all(
            "select batch, dispatched, processed, failed, delayed, leased, ready "
            "from mailvault.progress order by batch"
        )
        real = self.all("""
            select b.id, count(j.id),
                count(j.id) filter (where o.job_id is null and d.job_id is null
                    and l.job_id is null and x.job_id is null),
                count(x.job_id), count(d.job_id), count(l.job_id), count(o.job_id)
            from mailvault.batch as b
            left join mailvault.job as j on j.batch_id = b.id
            left join mailvault.outbox as o on o.job_id = j.id
            left join mailvault.delayed as d on d.job_id = j.id
            left join mailvault.lease as l on l.job_id = j.id
            left join mailvault.dead_letter as x on x.job_id = j.id
            group by b.id having b.id > 0 or count(j.id) > 0 order by b.id
        """)
        assert counted == real
        places = self.all("""
            select job_id from (
                select job_id from mailvault.outbox union all select job_id from mailvault.delayed
                union all select job_id from mailvault.lease
                union all select job_id from mailvault.dead_letter
            ) as place left join mailvault.job as j on j.id = place.job_id
            group by job_id having count(*) > 1 or count(j.id) = 0
        """)
        assert places == []
        tallied = self.one("select coalesce(sum(parts), 0) from mailvault.tally")
        assert tallied == self.one("select count(*) from mailvault.part")
        unrecorded = self.one("""
            select count(*) from mailvault.part as p
            left join mailvault.object as o on o.key = p.object_key where o.key is null
        """)
        assert unrecorded == 0
