"""Reading mail while the application changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.db import Pool, query
from mailvault.errors import RowGoneError
from mailvault.source.description import SLICE
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.views import install_source
from mailvault.source.reader import SourceReader

if TYPE_CHECKING:
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


BEYOND = 2**31 + 10

LARGE = {
    "email": LETTERS,
    "part": [
        {**LETTERS, "kind": "large", "email": "id", "content": "lo"},
        {**LETTERS, "kind": "words", "email": "id", "content": "words"},
    ],
}


def test_slices_beyond_2_gib_are_read(application: Application) -> None:
    run = application.connection.execute
    run("create table letters (id integer primary key, lo oid, words text)")
    run("insert into letters values (1, lo_create(0), 'words')")
    run("select lo_put(lo, %s, 'the end') from letters", [BEYOND])  # which leaves a hole before it
    install_source(application.connection, Mapping.model_validate(LARGE))

    def bytes_of(kind: str, offset: int) -> bytes:
        wanted = {"email_key": "1", "kind": kind, "part_key": "1", "offset": offset}
        found = run(query("source", "read_slice"), {**wanted, "length": SLICE}, binary=True)
        [(content,)] = found
        return bytes(content)

    assert bytes_of("large", BEYOND) == b"the end"
    assert bytes_of("large", BEYOND - SLICE) == bytes(SLICE)
    assert [bytes_of("words", offset) for offset in (0, 2, BEYOND)] == [b"words", b"rds", b""]
