"""`mailvault import` on a real database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from mailvault.cli import mailvault
from mailvault.cli.import_ import import_
from mailvault.config import load_settings
from mailvault.errors import ConfigError, SchemaError
from mailvault.source.importer import import_mail
from mailvault.source.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "deploy/samples"
FOREIGN = ROOT.parent / "shared/mail"
NO_MESSAGE = "it does not begin with a header, so it is not a message"
foreign = pytest.mark.skipif(not FOREIGN.is_dir(), reason="../shared/mail is not there")


@dataclass
class Place:
    """A database with the quick start's tables, and a directory for the files."""

    dsn: str
    files: Path
    connection: psycopg.Connection

    def run(self, *arguments: str | Path) -> Result:
        settings = load_settings(database_url=self.dsn, migration_files_root=self.files)
        given = [str(one) for one in arguments]
        # A command keeps the help option that it had first, which docs/reference.md shows.
        return CliRunner().invoke(import_, given, obj=settings, **mailvault.context_settings)

    def rows(self, statement: Any, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, parameters).fetchall()

    def files_of(self, subject: str) -> dict[str, tuple[str, bytes]]:
        rows = self.rows(
            "select f.filename, f.content_type, f.size, f.local_path"
            " from files f join emails e on e.id = f.email_id where e.subject = %s",
            subject,
        )
        found = {name: (kind, (self.files / path).read_bytes()) for name, kind, _, path in rows}
        assert [len(found[row[0]][1]) for row in rows] == [row[2] for row in rows]
        return found

    def stored(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.files)) for path in self.files.rglob("*") if path.is_file()
        )


@pytest.fixture
def place(database: str, tmp_path: Path) -> Iterator[Place]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute((ROOT / "sql/example.sql").read_bytes())
        yield Place(database, tmp_path / "files", connection)


@foreign
def test_all_of_the_real_mail_is_imported(place: Place) -> None:
    result = place.run(FOREIGN)
    assert result.output == "imported 103 emails and 47 attachments, skipped 0\n"
    assert result.exit_code == 0
    assert place.stored() == sorted(row[0] for row in place.rows("select local_path from files"))
    bodies = {row[0] for row in place.rows("select body from emails where body is not null")}
    for words in ("かきくえこ", "すみません。", "あいうえお", "스티해", "대부분의 마찬가지로"):
        assert any(words in body for body in bodies), words
    subjects = {row[0] for row in place.rows("select subject from emails")}
    assert {"まみむめも", 'Re: Test: "漢字" mid "漢字" tail', "Eelanalüüsi päring"} <= subjects
    names = {row[0] for row in place.rows("select filename from files")}
    assert {"てすと.txt", "ciële.txt", "Eelanalüüsi päring.jpg", "ForwardedMessage.eml"} <= names


def test_the_samples(place: Place) -> None:
    assert place.run(SAMPLES).output == "imported 12 emails and 9 attachments, skipped 0\n"
    (japanese,) = place.rows("select sender, body from emails where subject = '会議のお知らせ'")
    assert japanese == ("山田花子 <hanako@example.jp>", "明日の会議は十時からです。\n")
    figures = place.files_of("Figures for February")
    assert figures["february.csv"] == (
        "text/csv",
        b"day,orders\n" + b"".join(b"%d,%d\n" % (day, 20 + day * 7 % 13) for day in range(1, 29)),
    )
    assert set(place.files_of("The map")) == {"Straßenkarte Nürnberg.png", "地図の説明.txt"}
    bounce = place.files_of("Undelivered mail")
    assert bounce["part-2.txt"][0] == "message/delivery-status"
    assert bounce["part-3.eml"][1].startswith(b"From: Ada Lindgren")
    forwarded = (SAMPLES / "05-forwarded.eml").read_bytes()
    inner = forwarded[forwarded.index(b"From: stores@") : forwarded.index(b"\n--outer--")]
    assert place.files_of("Fwd: Delivery note") == {"Delivery note.eml": ("message/rfc822", inner)}
    (quoted,) = place.rows("select body from emails where subject = 'First in the archive'")
    assert "\nFrom here on it is plain text.\n" in quoted[0]
    (when,) = place.rows("select received_at from emails where subject = 'The map'")[0]
    assert when == datetime(2026, 3, 12, 13, 20, tzinfo=UTC)


def test_hostile_names_stay_in_the_column(place: Place, tmp_path: Path) -> None:
    names = ["../../../etc/passwd", "/etc/passwd", "C:\\x.exe", "a/b\x1b[31m", "x" * 5000, "CON"]
    for number, name in enumerate(names):
        text = f'Subject: {number}\nContent-Disposition: attachment; filename="{name}"\n\nx'
        (tmp_path / f"{number}.eml").write_text(text)
    assert place.run(*tmp_path.glob("*.eml")).exit_code == 0
    found = place.rows(
        "select filename from files join emails e on e.id = email_id order by e.subject"
    )
    assert [row[0] for row in found] == names
    assert place.stored() == [f"00/00/{number}.txt" for number in range(1, len(names) + 1)]


def test_nul_is_replaced_in_text_and_kept_in_files(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(
        b"Subject: a\0b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbo\0dy\n"
        b"--b\nContent-Disposition: attachment; filename=n\n\nfi\0le\n--b--\n"
    )
    assert place.run(tmp_path / "a.eml").exit_code == 0
    assert place.rows("select subject, body from emails") == [("a\ufffdb", "bo\ufffddy")]
    assert (place.files / "00/00/1.txt").read_bytes() == b"fi\0le"


def test_what_cannot_be_imported_is_named_and_the_rest_goes_on(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "1.eml").write_bytes(b"")
    (tmp_path / "2.eml").write_bytes(b"Subject: good\n\nbody\n")
    (tmp_path / "3.mbox").write_bytes(b"From a\nSubject: good\n\nx\n\nFrom b\nno header\n")
    result = place.run(tmp_path)
    assert result.exit_code == 1
    assert result.stdout == "imported 2 emails and 0 attachments, skipped 2\n"
    assert result.stderr.splitlines() == [
        f"skipped {tmp_path}/1.eml: empty",
        f"skipped {tmp_path}/3.mbox, message 2: {NO_MESSAGE}",
    ]


def test_a_message_without_a_date_has_its_files(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"Subject: x\nDate: tomorrow\n\n")
    os.utime(tmp_path / "a.eml", (1_000_000_000, 1_000_000_000))
    place.run(tmp_path)
    assert place.rows("select extract(epoch from received_at)::int from emails") == [(10**9,)]


def test_a_path_that_does_not_exist_stops_everything(place: Place) -> None:
    result = place.run(SAMPLES, "/no/such/path")
    assert result.exit_code == 2
    assert place.rows("select count(*) from emails") == [(0,)]


def test_an_interrupted_chunk_leaves_nothing(place: Place) -> None:
    def interrupt(_size: int) -> None:
        if any(place.stored()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_mail(
            place.connection,
            place.files,
            [SAMPLES],
            max_size=1024**2,
            on_skip=lambda _: None,
            on_read=interrupt,
        )
    assert place.rows("select count(*) from emails") == [(0,)]
    assert place.stored() == []


def test_no_file_is_ever_overwritten(place: Place) -> None:
    place.run(SAMPLES)
    place.connection.execute("truncate emails, files restart identity cascade")
    before = {name: (place.files / name).read_bytes() for name in place.stored()}
    result = place.run(SAMPLES)
    assert isinstance(result.exception, ConfigError)
    assert "empty directory" in result.exception.hint
    assert {name: (place.files / name).read_bytes() for name in place.stored()} == before


def test_without_the_tables_it_says_what_to_do(database: str, tmp_path: Path) -> None:
    with (
        psycopg.connect(database, autocommit=True) as connection,
        pytest.raises(SchemaError) as caught,
    ):
        Intake(connection, tmp_path)
    assert caught.value.hint == "mailvault init --example"


def test_a_directory_that_cannot_be_made_is_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot make the directory"):
        Intake(place.connection, tmp_path / "file/below")
