"""Reading mail while the application changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.db import Pool, query
from mailvault.errors import BodyUnreadableError, RowGoneError
from mailvault.models import Part
from mailvault.source.description import SLICE
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.views import install_source
from mailvault.source.reader import SourceReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application

LETTERS = {"table": "letters", "key": "id"}


@pytest.mark.parametrize("size", [3, SLICE + 1])
def test_a_row_that_goes_after_it_was_found_is_looked_for_again(
    application: Application, size: int
) -> None:
    email = str(application.add_email("x" * size))
    with Pool(application.dsn) as pool:
        reader = SourceReader(pool, application.files_root)
        found = reader.describe([email])[email]
        assert isinstance(found, list)
        application.connection.execute("delete from emails")
        [gone] = reader.read([(1, found[0])], memory=SLICE)
        assert isinstance(gone, RowGoneError)
        assert gone.retryable
        assert reader.describe([email]) == {email: []}
        reader.close()


def test_bytes_that_go_to_a_file_after_they_were_found_are_looked_for_again(
    application: Application,
) -> None:
    run = application.connection.execute
    run("create table letters (id integer primary key, words text, path text)")
    run("insert into letters values (1, 'words')")
    part = {**LETTERS, "kind": "words", "email": "id", "content": "words", "path": "path"}
    mapping = {"email": LETTERS, "part": [{**part, "encoding": "base64"}, {**part, "kind": "raw"}]}
    install_source(application.connection, Mapping.model_validate(mapping))
    with Pool(application.dsn) as pool:
        reader = SourceReader(pool, application.files_root)
        found = reader.describe(["1"])["1"]
        assert isinstance(found, list)
        run("update letters set words = null, path = 'file'")
        for gone in reader.read(list(enumerate(found)), memory=SLICE):
            assert isinstance(gone, RowGoneError)
        reader.close()


def test_what_cannot_be_decoded_is_given_up_before_its_end(application: Application) -> None:
    run = application.connection.execute
    run("create table letters (id integer primary key, words text)")
    run("insert into letters values (1, repeat('#', %s)), (2, repeat('QQ==', %s))", [9 * SLICE, 1])
    part = {**LETTERS, "kind": "words", "email": "id", "content": "words", "encoding": "base64"}
    install_source(
        application.connection, Mapping.model_validate({"email": LETTERS, "part": [part]})
    )
    with Pool(application.dsn) as pool:
        reader = SourceReader(pool, application.files_root)
        for number, error in enumerate((BodyUnreadableError, Part), 1):
            found = reader.describe([str(number)])[str(number)]
            assert isinstance(found, list)
            [read] = reader.read([(number, found[0])], memory=SLICE)
            assert isinstance(read, error)
        assert run("select count(*) from pg_stat_activity where state = 'active'").fetchone() == (
            1,
        )
        reader.close()


LARGE = {
    "email": LETTERS,
    "part": [
        {**LETTERS, "kind": "large", "email": "id", "content": "lo"},
        {**LETTERS, "kind": "words", "email": "id", "content": "words"},
    ],
}


def test_a_body_is_read_in_slices_to_its_end(application: Application) -> None:
    run = application.connection.execute
    run("create table letters (id integer primary key, lo oid, words text)")
    run("insert into letters values (1, lo_create(0), 'grün'), (2, null, ''), (3, null, null)")
    run("select lo_put(lo, %s, 'the end') from letters where id = 1", [2**31 + 10])  # after a hole
    install_source(application.connection, Mapping.model_validate(LARGE))

    def slices_of(email: int, kind: str, length: int) -> Iterator[bytes]:
        key = str(email)
        wanted = {"email_key": key, "kind": kind, "part_key": key, "length": length}
        for row in application.connection.cursor().stream(
            query("source", "read_slices"), wanted, binary=True
        ):
            yield row[0]

    assert list(slices_of(1, "words", 2)) == [b"gr", b"\xc3\xbc", b"n"]
    assert list(slices_of(1, "words", 5)) == [b"gr\xc3\xbcn"]
    assert list(slices_of(2, "words", 5)) == [b""]
    assert list(slices_of(3, "words", 5)) == list(slices_of(4, "words", 5)) == []

    *full, last = map(len, slices_of(1, "large", SLICE))
    assert set(full) == {SLICE}
    assert (len(full), last) == (2**31 // SLICE, len("1234567890the end"))
