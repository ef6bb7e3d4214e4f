"""Temporary files by which large bodies go."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING

from mailvault.errors import SpoolError
from mailvault.models import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "mailvault-spool-"


class Spool:
    """A directory of temporary files, made when the first of them is written.

    Its owner keeps a lock on it, which ends with the process: what a killed worker has left, mail
    of up to gigabytes, is removed by the next one that needs such a directory.
    """

    def __init__(self) -> None:
        self._directory: TemporaryDirectory[str] | None = None
        self._lock = -1
        self._written: set[int] = set()

    def write(self, number: int, pieces: Iterable[bytes]) -> SourceFile:
        """Write the file of a part.

        Raises:
            SpoolError: It cannot be written.
        """
        self._written.add(number)
        try:
            directory = self._open()
            with (directory / str(number)).open("wb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise SpoolError(f"no temporary copy in {gettempdir()}: {error.strerror}") from None
        return SourceFile(str(directory), str(number))

    def discard(self, number: int) -> None:
        """Remove the file of a part, if it has one."""
        if self._directory is not None and number in self._written:
            self._written.remove(number)
            Path(self._directory.name, str(number)).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all of them."""
        if self._directory is not None:
            self._directory.cleanup()
            os.close(self._lock)
            self._directory = None

    def _open(self) -> Path:
        if self._directory is None:
            _remove_abandoned()
            self._directory, self._lock = _make()
        return Path(self._directory.name)


def _make() -> tuple[TemporaryDirectory[str], int]:
    """Make a directory and lock it."""
    while True:
        directory = TemporaryDirectory(prefix=PREFIX)
        with suppress(BlockingIOError, FileNotFoundError):  # taken for abandoned in between
            return directory, _lock(Path(directory.name))
        directory.cleanup()


def _remove_abandoned() -> None:
    for directory in Path(gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # in use, gone meanwhile, or somebody else's
            lock = _lock(directory)
            shutil.rmtree(directory, ignore_errors=True)
            os.close(lock)


def _lock(directory: Path) -> int:
    """Lock a directory for as long as the descriptor that is returned is open.

    Raises:
        BlockingIOError: Another process has it.
        FileNotFoundError: It is gone.
        OSError: It cannot be opened or locked.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        directory.stat()  # it may have been removed by whoever had the lock before
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
