"""Messages made to exhaust whoever reads them cost 2 s and 256 MB at most; the rest goes on."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
MB = 1024**2
MIXED = b"Subject: bomb\nContent-Type: multipart/mixed; boundary=b\n\n"
SCRIPT = """
import json, re, sys, time
from pathlib import Path
import psycopg
from mailvault.source.importer import import_mail
connection = psycopg.connect(sys.argv[1], autocommit=True)
skipped, started = [], time.process_time()
done = import_mail(connection, Path(sys.argv[2]), [Path(sys.argv[3])], max_size=64 * 1024**2,
    on_skip=lambda one: skipped.append([Path(one.name).name, one.reason]),
    on_read=lambda size: None)
seconds = time.process_time() - started
# Not ru_maxrss, which begins at what the parent had.
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(json.dumps({"skipped": skipped, "emails": done.emails,
    "seconds": seconds,
    "megabytes": int(peak[1]) / 1024}))
"""


def nested(levels: int, content: bytes) -> bytes:
    opened = (
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
        for level in range(levels)
    )
    return b"Subject: bomb\n" + b"".join(opened) + b"\n" + content


def encoded(encoding: bytes, content: bytes) -> bytes:
    return b"Content-Type: a/b\nContent-Transfer-Encoding: " + encoding + b"\n\n" + content


# Made when they are needed: together they are 300 MB.
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "300 levels": (lambda: nested(300, b"x"), "nested more than 30 levels"),
    "25 levels of 60 MB": (lambda: nested(25, b"\n--b" * (15 * MB)), "too deep for their size"),
    "100,000 parts": (lambda: MIXED + b"--b\n\nx\n" * 100_000, "more than 1,000 parts"),
    "a million headers": (lambda: b"X-Y: z\n" * 10**6, "bytes of headers"),
    "a line of 30 MB": (lambda: b"Subject: " + b"a" * (30 * MB), "bytes of headers"),
    "65 MB": (lambda: b"Subject: x\n\n" + b"a" * (65 * MB), "larger than 64 MB"),
}
ENDURED: dict[str, Callable[[], bytes]] = {
    "a subject of beginnings": lambda: b"Subject: " + b"=?a?q?" * 85_000 + b"\n\n",
    "a folded recipient": lambda: b"To: " + b"a@b.c,\n " * 60_000 + b"\n\n",
    "open quotes": lambda: b"Content-Type: a/b" + b'; a="\\' * 85_000 + b"\n\n",
    "60 MB of base64": lambda: encoded(b"base64", b"QUJD" * (15 * MB)),
    "a long body": lambda: b"Subject: x\n\n\xf0\x9f\x98\x80" + b"a" * (15 * MB),
    "short lines": lambda: encoded(b"uuencode", b"begin 644 a\n" + b"!!!\n" * 399_000),
}


def run(database: str, tmp_path: Path, bomb: bytes) -> dict[str, Any]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute((ROOT / "sql/example.sql").read_bytes())
    mail = tmp_path / "mail"
    mail.mkdir()
    (mail / "bomb.eml").write_bytes(bomb)
    (mail / "good.eml").write_bytes(b"Subject: good\n\nbody\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, database, str(tmp_path / "files"), str(mail)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1024 * MB, 1024 * MB)),
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert report.pop("seconds") < 2
    assert report.pop("megabytes") < 256
    return report


@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_skipped_by_name(database: str, tmp_path: Path, name: str) -> None:
    make, reason = REFUSED[name]
    report = run(database, tmp_path, make())
    (skipped,) = report.pop("skipped")
    assert skipped[0] == "bomb.eml"
    assert reason in skipped[1]
    assert report == {"emails": 1}


@pytest.mark.parametrize("name", ENDURED)
def test_what_is_merely_strange_is_imported(database: str, tmp_path: Path, name: str) -> None:
    assert run(database, tmp_path, ENDURED[name]()) == {"emails": 2, "skipped": []}
