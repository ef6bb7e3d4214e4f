"""The system calls that talk to the network or the file system, and what each one is about."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.kills.ptrace import Call

# Numbers of x86-64, by how a call names what it is about: a descriptor, a path, a path below a
# directory, nothing yet. Waiting (epoll_wait, futex) changes nothing anywhere and is left out.
_BY_DESCRIPTOR = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "pread64": 17, "pwrite64": 18,
    "readv": 19, "writev": 20, "sendfile": 40, "connect": 42, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "bind": 49, "getsockname": 51,
    "getpeername": 52, "setsockopt": 54, "getsockopt": 55, "fsync": 74, "fdatasync": 75,
    "ftruncate": 77, "fchmod": 91, "fstatfs": 138, "getdents64": 217, "splice": 275,
    "fallocate": 285, "preadv": 295, "pwritev": 296, "recvmmsg": 299, "sendmmsg": 307,
    "copy_file_range": 326, "preadv2": 327, "pwritev2": 328,
}  # fmt: skip
_BY_PATH = {
    "open": 2, "stat": 4, "lstat": 6, "access": 21, "truncate": 76, "rename": 82, "mkdir": 83,
    "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89,
    "chmod": 90, "statfs": 137,
}  # fmt: skip
_BELOW_DIRECTORY = {
    "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264,
    "linkat": 265, "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "utimensat": 280,
    "renameat2": 316, "statx": 332, "openat2": 437, "faccessat2": 439,
}  # fmt: skip
_OF_NOTHING = {"socket": 41}

_NAMES = {
    number: name
    for kind in (_BY_DESCRIPTOR, _BY_PATH, _BELOW_DIRECTORY, _OF_NOTHING)
    for name, number in kind.items()
}
NUMBERS = tuple(_NAMES)

POSTGRESQL = "PostgreSQL"

_HERE = 2**64 - 100
_PAGE = 4096


class Places:
    """Tells what the calls of one process are about: a server, a file of ours, or neither.

    Nothing is of interest before its first connection to PostgreSQL.

    Args:
        servers: Which server listens on a TCP port; a socket in the file system is PostgreSQL's.
        roots: The directories whose files count; all others are libraries, which only read.
    """

    def __init__(self, servers: dict[int, str], roots: Sequence[Path]) -> None:
        self._servers = servers
        self._roots = tuple(str(root) for root in roots)
        self._connected: dict[str, str] = {}
        self._begun = False

    def describe(self, call: Call) -> str | None:
        """Name a call and what it is about; None where it is of no interest."""
        place = self._place(call)
        self._begun = self._begun or place == POSTGRESQL
        return f"{_NAMES[call.number]} {place}" if place and self._begun else None

    def _place(self, call: Call) -> str | None:
        if call.number == _OF_NOTHING["socket"]:
            return "a new socket"
        if call.number in _BY_PATH.values():
            return self._file(_text(call.thread, call.arguments[0]))
        if call.number in _BELOW_DIRECTORY.values():
            return self._file(self._joined(call))
        opened = _target(call.thread, call.arguments[0])
        if not opened.startswith("socket:"):
            return self._file(opened)
        if call.number == _BY_DESCRIPTOR["connect"]:
            self._connected[opened] = self._server(call)
        return self._connected.get(opened, "a new socket")

    def _file(self, path: str) -> str | None:
        return "a file" if path.startswith(self._roots) else None

    @staticmethod
    def _joined(call: Call) -> str:
        path = _text(call.thread, call.arguments[1])
        if path.startswith("/"):
            return path
        directory = call.arguments[0] & 0xFFFFFFFF
        here = directory == _HERE & 0xFFFFFFFF
        link = f"/proc/{call.thread}/cwd" if here else f"/proc/{call.thread}/fd/{directory}"
        return f"{_readlink(link)}/{path}"

    def _server(self, call: Call) -> str:
        address = _memory(call.thread, call.arguments[1], call.arguments[2])
        family, port = struct.unpack("=H", address[:2])[0], address[2:4]
        if family == socket.AF_UNIX:
            return POSTGRESQL
        return self._servers.get(int.from_bytes(port, "big"), "another server")


def _memory(thread: int, address: int, length: int) -> bytes:
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        return os.pread(memory.fileno(), length, address)


def _text(thread: int, address: int) -> str:
    if not address:
        return ""
    found = b""
    while b"\0" not in found:
        start = address + len(found)
        found += _memory(thread, start, _PAGE - start % _PAGE)
    return os.fsdecode(found[: found.index(b"\0")])


def _target(thread: int, descriptor: int) -> str:
    return _readlink(f"/proc/{thread}/fd/{descriptor & 0xFFFFFFFF}")


def _readlink(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""  # not open: the call is going to say so
