"""Zip archives of which one member alone differs: zipfile takes ten times as long for them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

_DATE = (2026, 1, 1, 0, 0, 0)
_DOS_DATE = (_DATE[0] - 1980) << 9 | _DATE[1] << 5 | _DATE[2]
_STORED_VERSION = 20

# The three records of the format, each up to the first field of variable length.
_MEMBER = struct.Struct("<4s5H3I2H")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")


class Archive:
    """Members that stay the same, made once, before one that is new each time."""

    def __init__(self, members: dict[str, bytes], last: str) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, _DATE), content)
            start = archive.start_dir
        whole = out.getvalue()
        self._members = whole[:start]
        self._entries = whole[start : -_END.size]
        self._count = len(members) + 1
        self._last = last.encode("ascii")

    def with_last(self, content: bytes) -> bytes:
        """Return the whole archive with `content` as its last member."""
        facts = (
            *(_STORED_VERSION, 0, zipfile.ZIP_STORED, 0, _DOS_DATE),
            *(zlib.crc32(content), len(content), len(content), len(self._last), 0),
        )
        entry = _ENTRY.pack(
            b"PK\x01\x02", _STORED_VERSION, *facts, *(0, 0, 0, 0), len(self._members)
        )
        start = len(self._members) + _MEMBER.size + len(self._last) + len(content)
        size = len(self._entries) + len(entry) + len(self._last)
        return b"".join([
            self._members,
            _MEMBER.pack(b"PK\x03\x04", *facts),
            self._last,
            content,
            self._entries,
            entry,
            self._last,
            _END.pack(b"PK\x05\x06", 0, 0, self._count, self._count, size, start, 0),
        ])  # fmt: skip
