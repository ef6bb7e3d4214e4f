"""Finds messages in mbox files, Maildir folders, .eml files and folders of any of them."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MBOX_ENDINGS = {".mbox", ".mbx"}
_ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class RawMessage:
    """The bytes of one message, and where they were."""

    name: str
    data: bytes
    modified: datetime


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that is not imported, and why."""

    name: str
    reason: str


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that hold mail, in a steady order.

    A file that is named is always one. In a folder it is what ends in .eml or .mbox, what begins
    like an mbox, and everything in a Maildir's `cur` and `new`; links to folders are not followed.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, subfolders, names in os.walk(path):
            maildir = _is_in_maildir(Path(folder))
            if {"cur", "new", "tmp"} <= set(subfolders):
                subfolders.remove("tmp")
            subfolders.sort()
            files = (Path(folder, name) for name in sorted(names))
            yield from (file for file in files if _holds_mail(file, maildir))


def _is_in_maildir(folder: Path) -> bool:
    real = folder.resolve()
    return real.name in {"cur", "new"} and (real.parent / "tmp").is_dir()


def _holds_mail(file: Path, in_maildir: bool) -> bool:
    if not file.is_file():
        return False
    if in_maildir:
        return not file.name.startswith(".")
    return file.suffix.lower() in {".eml", *_MBOX_ENDINGS} or _begins_like_mbox(file)


def _begins_like_mbox(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(5) == b"From "
    except OSError:
        return False


def read_messages(file: Path, max_size: int) -> Iterator[RawMessage | Skipped]:
    """Yield the messages of one file; what cannot be read, or is too long, as `Skipped`."""
    single = file.suffix.lower() == ".eml" or _is_in_maildir(file.parent)
    try:
        with file.open("rb") as opened:
            modified = datetime.fromtimestamp(os.fstat(opened.fileno()).st_mtime, UTC)
            if not single and (file.suffix.lower() in _MBOX_ENDINGS or _begins_like_mbox(file)):
                for number, data in enumerate(split_mbox(opened, max_size), start=1):
                    yield _found(f"{file}, message {number}", data, modified, max_size)
            else:
                data = opened.read(max_size + 1)
                yield _found(
                    str(file), data if len(data) <= max_size else None, modified, max_size
                )
    except OSError as error:
        yield Skipped(str(file), error.strerror or str(error))


def _found(
    name: str, data: bytes | None, modified: datetime, max_size: int
) -> RawMessage | Skipped:
    if data is None:
        return Skipped(name, f"larger than {max_size / 1024**2:g} MB")
    return RawMessage(name, data, modified)


def split_mbox(file: BinaryIO, max_size: int) -> Iterator[bytes | None]:
    """Yield the messages of an mbox one by one, and None for each that is too long to hold.

    A message begins at a line `From …` at the start or after a blank line; `>From ` in it loses
    one `>`. No more than one message is held at a time.
    """
    message: io.BytesIO | None = io.BytesIO()
    size = 0
    line_start = blank = True
    for line in iter(lambda: file.readline(_CHUNK), b""):
        if blank and line_start and line.startswith(b"From ") and size:
            whole, message = _unescaped(message), None  # one copy while the caller has it
            yield whole
            message, size = io.BytesIO(), 0
        size += len(line)
        if size > max_size:
            message = None
        elif message is not None:
            message.write(line)
        blank = line_start and line in {b"\n", b"\r\n"}
        line_start = line.endswith(b"\n")
    if size:
        yield _unescaped(message)


def _unescaped(message: io.BytesIO | None) -> bytes | None:
    """Take off what the mbox added: the quoting of `From `, and the blank line at the end."""
    if message is None:
        return None
    data = message.getvalue()
    if b"\n>" in data:
        data = _ESCAPED_FROM.sub(rb"\1", data)
    for blank_line in (b"\r\n", b"\n"):
        if data.endswith(b"\n" + blank_line):
            return data[: -len(blank_line)]
    return data
