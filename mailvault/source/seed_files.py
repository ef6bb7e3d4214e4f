"""Attachments that programs open: small valid files of common types, filled up to their size."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from mailvault.source.seed_office import DOCX, XLSX
from mailvault.source.seed_zip import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

LARGEST = 4 * 1024**2
_ROW = 256
_OOXML = "application/vnd.openxmlformats-officedocument"
_INVITATION = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//mailvault//seed//EN\r\nBEGIN:VEVENT\r\n"
    "UID:{uid:016x}@example.com\r\nDTSTAMP:20260101T090000Z\r\nDTSTART:20260105T090000Z\r\n"
    "SUMMARY:Meeting\r\nDESCRIPTION:{note}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)

# A grey image of one pixel: quantisation, frame, two Huffman tables of one code, and the scan.
_JPEG_START = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
_JPEG_END = (
    bytes.fromhex("ffdb004300") + b"\x01" * 64
    + bytes.fromhex("ffc0000b080001000101011100")
    + bytes.fromhex("ffc4001400") + b"\x01" + bytes(16)
    + bytes.fromhex("ffc4001410") + b"\x01" + bytes(16)
    + bytes.fromhex("ffda0008010100003f003fffd9")
)  # fmt: skip


class Kind(NamedTuple):
    """A type of file, and how often it is attached."""

    extension: str
    content_type: str
    weight: int
    make: Callable[[int], bytes]


class FileMaker:
    """Makes files from one pool of noise, so that their bytes cost next to nothing."""

    def __init__(self, random: Random, lines: Sequence[str]) -> None:
        self._random = random
        self._lines = "".join(random.choices(lines, k=2 * LARGEST // 50)).encode()
        self._noise = random.randbytes(2 * LARGEST)
        rows = bytearray(self._noise)
        rows[:: _ROW + 1] = bytes(len(range(0, len(rows), _ROW + 1)))  # each row's filter: none
        self._rows = bytes(rows)
        docx = Archive(DOCX, "word/media/filler.bin")
        xlsx = Archive(XLSX, "xl/media/filler.bin")
        archive = Archive({"list.csv": "".join(lines[:40]).encode()}, "scan.bin")
        self.kinds = [
            Kind("pdf", "application/pdf", 30, self._pdf),
            Kind("png", "image/png", 20, self._png),
            Kind("jpg", "image/jpeg", 20, self._jpeg),
            Kind("docx", f"{_OOXML}.wordprocessingml.document", 10, self._filled(docx)),
            Kind("xlsx", f"{_OOXML}.spreadsheetml.sheet", 6, self._filled(xlsx)),
            Kind("csv", "text/csv", 4, self._text),
            Kind("txt", "text/plain", 4, self._text),
            Kind("zip", "application/zip", 4, self._filled(archive)),
            Kind("ics", "text/calendar", 2, self._ics),
        ]
        self._weights = list(accumulate(kind.weight for kind in self.kinds))

    def make(self) -> tuple[Kind, bytes]:
        """Return a file of some type and size, as they come by mail."""
        kind = self._random.choices(self.kinds, cum_weights=self._weights)[0]
        size = int(self._random.lognormvariate(9.6, 1.05))  # median 15 KB, mean 26 KB
        return kind, kind.make(min(max(size, 200), LARGEST))

    def _filler(self, size: int) -> bytes:
        start = self._random.randrange(LARGEST)
        return self._noise[start : start + size]

    def _pdf(self, size: int) -> bytes:
        stream = self._filler(size)
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
            b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        ]
        out = io.BytesIO(b"%PDF-1.4\n")
        out.seek(0, io.SEEK_END)
        table = [b"0000000000 65535 f \n"]
        for number, content in enumerate(objects, start=1):
            table.append(b"%010d 00000 n \n" % out.tell())
            out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
        start = out.tell()
        out.write(b"xref\n0 5\n%b" % b"".join(table))
        out.write(b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start)
        return out.getvalue()

    def _png(self, size: int) -> bytes:
        height = max(size // (_ROW + 1), 1)
        start = self._random.randrange(LARGEST // (_ROW + 1)) * (_ROW + 1)
        rows = self._rows[start : start + height * (_ROW + 1)]
        return b"".join([
            b"\x89PNG\r\n\x1a\n",
            _png_chunk(b"IHDR", struct.pack(">IIBBBBB", _ROW, height, 8, 0, 0, 0, 0)),
            _png_chunk(b"IDAT", zlib.compress(rows, 0)),
            _png_chunk(b"IEND", b""),
        ])  # fmt: skip

    def _jpeg(self, size: int) -> bytes:
        filler = self._filler(size)
        pieces = [filler[start : start + 65_000] for start in range(0, size, 65_000)]
        comments = [struct.pack(">HH", 0xFFFE, len(piece) + 2) + piece for piece in pieces]
        return b"".join([_JPEG_START, *comments, _JPEG_END])

    def _filled(self, archive: Archive) -> Callable[[int], bytes]:
        return lambda size: archive.with_last(self._filler(size))

    def _text(self, size: int) -> bytes:
        start = self._lines.index(b"\n", self._random.randrange(LARGEST // 2)) + 1
        return self._lines[start : self._lines.index(b"\n", start + size) + 1]

    def _ics(self, size: int) -> bytes:
        note = self._text(min(size, 2000)).decode().replace("\n", "\r\n ").strip()
        return _INVITATION.format(uid=self._random.getrandbits(64), note=note).encode()


def _png_chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"%b%b%b%b" % (struct.pack(">I", len(content)), name, content, struct.pack(">I", check))
