"""Opening a file below a root that its path cannot leave.

Paths come from the application's database and are hostile. Each step is opened relative to the
one before, without following links; links are walked by hand, so that one that leads out of the
root is noticed whatever happens to the tree meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mailvault.errors import (
    FileFaultError,
    FileMissingError,
    FileRefusedError,
    FileUnreadableError,
    OutOfResourcesError,
    PartError,
    RootMissingError,
)

if TYPE_CHECKING:
    from mailvault.models import SourceFile

_MOST_LINKS = 40
_LONGEST_PATH = 4095
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO without a writer would block for ever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

_REFUSED = {
    errno.ENAMETOOLONG: "has too long a name for the file system",
    errno.ELOOP: "is a loop of links",
    errno.ENXIO: "not a regular file",
}

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_FAULTS = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT}


def open_confined(source: SourceFile) -> int:
    """Open a regular file for reading; return its descriptor.

    Raises:
        PartError: The root or the file is not there, cannot be read, is not a regular file, or
            the path leads out of the root.
    """
    try:
        root = os.open(source.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _root_error(source.root, error) from None
    with ExitStack() as opened:
        opened.callback(os.close, root)
        try:
            return _regular(_walk(root, source.path, opened))
        except OSError as error:
            raise file_error(source.path, error) from None


def _regular(descriptor: int) -> int:
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    if regular:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))


def _walk(root: int, path: str, opened: ExitStack) -> int:
    """Open `path` step by step below the descriptor `root`; keep directories in `opened`."""
    trail = [root]
    steps = _steps(path, path)
    links = 0
    while steps:
        step = steps.pop(0)
        last = not steps
        if step == "..":
            if len(trail) == 1:
                raise _leads_out(path)
            trail.pop()
        elif step != ".":
            target = _link(step, trail[-1])
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                steps = _steps(target, path) + steps
                continue
            if last:
                return os.open(step, _FILE, dir_fd=trail[-1])
            trail.append(os.open(step, _DIRECTORY, dir_fd=trail[-1]))
            opened.callback(os.close, trail[-1])
    raise FileRefusedError(f"file {short(path)}: not a regular file")


def _steps(target: str, path: str) -> list[str]:
    """Split a path or a link's target; `a/` asks for a directory, as `a/.` does."""
    if target.startswith("/"):
        raise _leads_out(path)
    if "\0" in target:
        raise FileRefusedError(f"file {short(path)}: has a NUL character in its name")
    if len(os.fsencode(target)) > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if not target:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    steps = [step for step in target.split("/") if step]
    return [*steps, "."] if target.endswith("/") else steps


def _link(step: str, directory: int) -> str | None:
    """Return where a link leads, or None for all else; what is not there fails in `open`."""
    try:
        return os.readlink(step, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def _leads_out(path: str) -> FileRefusedError:
    return FileRefusedError(f"file {short(path)}: leads out of the root directory")


def _root_error(root: str, error: OSError | ValueError) -> PartError:
    number = error.errno if isinstance(error, OSError) else None
    what = error.strerror if isinstance(error, OSError) else error
    kind = OutOfResourcesError if number in _OUT_OF_RESOURCES else RootMissingError
    return kind(f"the directory that files are read from, {short(root)}: {what}")


def file_error(path: str, error: OSError | MemoryError) -> PartError:
    """Say what the operating system's error means for the part."""
    if isinstance(error, MemoryError):
        return OutOfResourcesError(f"file {short(path)}: {os.strerror(errno.ENOMEM)}")
    if error.errno in _REFUSED:
        return FileRefusedError(f"file {short(path)}: {_REFUSED[error.errno]}")
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return FileMissingError(f"file {short(path)}: no such file")
    kind: type[PartError] = FileUnreadableError
    if error.errno in _OUT_OF_RESOURCES:
        kind = OutOfResourcesError
    elif error.errno in _FAULTS:
        kind = FileFaultError
    return kind(f"file {short(path)}: {error.strerror}")


def short(name: str) -> str:
    """Return a key or a path as a message repeats it: one line, not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in name[:160])
    return line if len(name) <= 160 else f"{line}…"
