"""Finding messages in files and folders."""

from __future__ import annotations

import io
import mailbox
from email.message import EmailMessage
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mailvault.source.mailbox import RawMessage, Skipped, find_files, read_messages, split_mbox

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1024**2
lines = st.lists(st.sampled_from(["text", "From here", ">From there", ">>From afar", "", "-"]))


def quoted(line: str) -> str:
    return f">{line}" if line.lstrip(">").startswith("From ") else line


@given(st.lists(lines, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_an_mbox_gives_back_what_was_put_in(bodies: list[list[str]], newline: str) -> None:
    messages = [newline.join(["Subject: x", "", *body, "end", ""]) for body in bodies]
    mbox = "".join(
        newline.join(["From a@b Thu Jan  1 00:00:00 2026", *map(quoted, text.split(newline)), ""])
        for text in messages
    )
    found = [data.split(newline.encode(), 1)[1].decode() for data in split(mbox)]
    assert found == messages


def split(mbox: str) -> list[bytes]:
    found = list(split_mbox(io.BytesIO(mbox.encode()), LIMIT))
    assert None not in found
    return [data for data in found if data is not None]


def test_a_message_that_is_too_long_is_passed_over_and_the_next_is_read() -> None:
    mbox = b"From a\nA: b\n\n" + b"x" * 200_000 + b"\n\nFrom b\nC: d\n\nshort\n"
    assert list(split_mbox(io.BytesIO(mbox), 100_000)) == [None, b"From b\nC: d\n\nshort\n"]


def test_the_standard_librarys_boxes_are_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "boxed"
    message.set_content("From the start\n")
    mbox = mailbox.mbox(tmp_path / "old")
    mbox.add(message)
    mbox.add(message)
    mbox.close()
    maildir = mailbox.Maildir(tmp_path / "Maildir")
    maildir.add(message)
    maildir.add_folder("Sent").add(message)
    found = [found for file in find_files([tmp_path]) for found in read_messages(file, LIMIT)]
    assert len(found) == 4
    assert all(isinstance(one, RawMessage) and b"\nFrom the start" in one.data for one in found)


def test_a_folder_gives_its_mail_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    for name in ("b.eml", "deep/er/a.EML", "notes.txt", "picture.png", "deep/box.mbox"):
        (tmp_path / name).write_bytes(b"Subject: x\n\n")
    (tmp_path / "deep/Inbox").write_bytes(b"From a\nSubject: x\n\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [str(file.relative_to(tmp_path)) for file in find_files([tmp_path])]
    assert found == ["b.eml", "deep/Inbox", "deep/box.mbox", "deep/er/a.EML"]
    assert list(find_files([tmp_path / "notes.txt"])) == [tmp_path / "notes.txt"]


def test_what_is_too_large_or_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "big.eml").write_bytes(b"x" * (LIMIT + 1))
    assert list(read_messages(tmp_path / "big.eml", LIMIT)) == [
        Skipped(str(tmp_path / "big.eml"), "larger than 1 MB")
    ]
    assert list(read_messages(tmp_path / "gone.eml", LIMIT)) == [
        Skipped(str(tmp_path / "gone.eml"), "No such file or directory")
    ]
