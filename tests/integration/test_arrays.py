"""Arrays, as PostgreSQL understands what we write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mailvault.arrays import blobs, numbers, parse_numbers, texts

if TYPE_CHECKING:
    from tests.application import Application

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def test_what_is_written_is_what_postgresql_reads(application: Application) -> None:
    @given(
        st.lists(st.none() | TEXT | st.text('"\\\\{},NUL \n')),
        st.lists(st.integers(0, 2**63 - 1)),
        st.lists(st.none() | st.binary()),
    )
    def check(words: list[str | None], figures: list[int], digests: list[bytes | None]) -> None:
        found = application.all(
            "select %s::text[], %s::bigint[], %s::bigint[]::text, %s::bytea[]",
            texts(words),
            numbers(figures),
            numbers(figures),
            blobs(digests),
        )
        assert found == [(words, figures, numbers(figures), digests)]
        assert parse_numbers(numbers(figures)) == set(figures)

    check()
    assert application.one("select %s::bigint[]", numbers([None, 1])) == [None, 1]
