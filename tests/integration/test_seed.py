"""`mailvault seed` on a real database."""

from __future__ import annotations

import io
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from mailvault.cli import mailvault
from mailvault.cli.seed import seed
from mailvault.config import load_settings
from mailvault.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
Rows = list[tuple[Any, ...]]


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute((ROOT / "sql/example.sql").read_bytes())
        yield connection


def run(database: str, files: Path, *arguments: str) -> Result:
    settings = load_settings(database_url=database, migration_files_root=files)
    # A command keeps the help option that it had first, which docs/reference.md shows.
    return CliRunner().invoke(seed, arguments, obj=settings, **mailvault.context_settings)


def contents(connection: psycopg.Connection) -> tuple[Rows, Rows]:
    emails = connection.execute("table emails order by id").fetchall()
    return emails, connection.execute("table files order by id").fetchall()


def test_mail_is_believable(database: str, connection: psycopg.Connection, tmp_path: Path) -> None:
    result = run(database, tmp_path / "new/dir", "--emails", "300", "--attachments", "1-3")
    assert result.exit_code == 0
    emails, files = contents(connection)
    assert re.fullmatch(
        rf"seeded 300 emails and {len(files)} attachments \([\d.]+ MB\) in \d+ s\n", result.output
    )
    assert 300 < len(files) < 900
    sizes = sorted(len(row[4].encode()) for row in emails)
    assert sizes[0] >= 1000
    assert 4_000 < sizes[150] < 10_000
    for row in files:
        content = (tmp_path / "new/dir" / row[5]).read_bytes()
        assert len(content) == row[4]
        check(row[2].rpartition(".")[2], content)


def check(extension: str, content: bytes) -> None:
    """Open a file in the way of its kind."""
    match extension:
        case "png":
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            (length,) = struct.unpack(">I", content[33:37])
            pixels = zlib.decompress(content[41 : 41 + length])
            assert set(pixels[::257]) == {0}
            (height,) = struct.unpack(">I", content[20:24])
            assert len(pixels) == 257 * height
        case "docx" | "xlsx" | "zip":
            archive = zipfile.ZipFile(io.BytesIO(content))
            assert archive.testzip() is None
            assert archive.namelist()[-1] in {
                "word/media/filler.bin", "xl/media/filler.bin", "scan.bin"
            }  # fmt: skip
            assert {member.date_time for member in archive.infolist()} == {(2026, 1, 1, 0, 0, 0)}
        case "pdf":
            start = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
            assert content[start:].startswith(b"xref\n0 5\n")
            for number, line in enumerate(content[start:].splitlines()[3:7], start=1):
                assert content[int(line[:10]) :].startswith(b"%d 0 obj" % number)
        case "jpg":
            assert content.startswith(b"\xff\xd8\xff\xe0")
            assert content.endswith(b"\xff\xd9")
        case "ics" | "csv" | "txt":
            content.decode()
        case _:
            pytest.fail(extension)


def test_the_same_number_makes_the_same_mail_and_every_run_adds(
    database: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    for _ in range(2):
        assert run(database, tmp_path, "--emails", "40", "--seed", "7").exit_code == 0
    emails, files = contents(connection)
    assert len(emails) == 80
    half = len(files) // 2
    assert [row[1:] for row in emails[:40]] == [row[1:] for row in emails[40:]]
    for first, second in zip(files[:half], files[half:], strict=True):
        assert first[2:5] == second[2:5]
        assert (tmp_path / first[5]).read_bytes() == (tmp_path / second[5]).read_bytes()
    assert len({row[5] for row in files}) == len(files)
    connection.execute("truncate emails, files")
    run(database, tmp_path, "--emails", "40", "--seed", "8")
    assert contents(connection)[0][0][1:] != emails[0][1:]


def test_paths_are_relative_and_spread(
    database: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    connection.execute("select setval(pg_get_serial_sequence('files', 'id'), 65535)")
    run(database, tmp_path, "--emails", "5", "--attachments", "1")
    paths = [row[5] for row in contents(connection)[1]]
    assert all(re.fullmatch(r"01/00/655\d\d-[\w-]+\.\w+", path, re.ASCII) for path in paths)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == set(paths)


@pytest.mark.parametrize("value", ["3-1", "-1", "a", "1-", "", "0-101", "1-2-3", "\u0661"])
def test_a_bad_range_is_a_usage_error(database: str, tmp_path: Path, value: str) -> None:
    result = run(database, tmp_path, f"--attachments={value}")
    assert result.exit_code == 2
    assert "--attachments" in result.output


def test_no_attachments(database: str, connection: psycopg.Connection, tmp_path: Path) -> None:
    assert run(database, tmp_path, "--emails", "3", "--attachments", "0").exit_code == 0
    assert [len(rows) for rows in contents(connection)] == [3, 0]


def test_a_failed_commit_leaves_the_files_of_committed_rows_alone(
    database: str, connection: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailvault.source.seed.CHUNK", 10)
    connection.execute("alter table emails add check (id <= 25)")
    result = run(database, tmp_path, "--emails", "50", "--attachments", "1-2")
    assert isinstance(result.exception, psycopg.errors.CheckViolation)
    emails, files = contents(connection)
    assert len(emails) == 20
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == {
        row[5] for row in files
    }


def test_without_faker_it_says_how_to_get_it(
    database: str,
    connection: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    result = run(database, tmp_path)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.hint == "pip install 'mailvault[demo]'"
