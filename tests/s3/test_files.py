"""Paths come from a database and are hostile: both uploaders refuse the same ones."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mailvault.models import SourceFile
from mailvault.store.confine import file_error
from tests.s3.conftest import Uploads, part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mailvault.models import Part


@pytest.fixture
def tree(uploads: Uploads) -> Iterator[Path]:
    """A root with all that can be wrong in it, and a secret beside it."""
    root = uploads.root
    (root.parent / "secret").write_text("out of the root")
    (root / "sub").mkdir()
    (root / "a").write_text("abc")
    (root / "ünï cödé").write_text("abc")
    (root / "unreadable").write_text("abc")
    (root / "unreadable").chmod(0)
    (root / "inside").symlink_to("a")
    (root / "sub/up").symlink_to("../a")
    (root / "folder").symlink_to("sub")
    (root / "outside").symlink_to("../secret")
    (root / "absolute").symlink_to(root / "a")
    (root / "sub/parent").symlink_to("../..")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        # A socket's address is short, so it is bound from within.
        before = os.open(".", os.O_RDONLY)
        os.chdir(root)
        listener.bind("socket")
        os.fchdir(before)
        os.close(before)
        yield root


INSIDE = ("a", "./a", "sub/../a", "inside", "sub/up", "folder/up", "sub//up", "ünï cödé")

REFUSED = {
    "missing": ("file_missing", "no such file"),
    "sub/missing": ("file_missing", "no such file"),
    "a/b": ("file_missing", "no such file"),
    "a/": ("file_missing", "no such file"),
    "dangling": ("file_missing", "no such file"),
    "": ("file_missing", "no such file"),
    "../secret": ("file_refused", "leads out"),
    "sub/../../secret": ("file_refused", "leads out"),
    "/etc/passwd": ("file_refused", "leads out"),
    "outside": ("file_refused", "leads out"),
    "absolute": ("file_refused", "leads out"),
    "sub/parent/secret": ("file_refused", "leads out"),
    "loop": ("file_refused", "loop of links"),
    "fifo": ("file_refused", "not a regular file"),
    "socket": ("file_refused", "not a regular file"),
    "sub": ("file_refused", "not a regular file"),
    "folder": ("file_refused", "not a regular file"),
    ".": ("file_refused", "not a regular file"),
    "a\0b": ("file_refused", "NUL"),
    "x" * 300: ("file_refused", "too long a name"),
    "x/" * 5000: ("file_refused", "too long a name"),
}


def numbered(tree: Path, paths: Iterable[str]) -> list[Part]:
    return [
        part(SourceFile(str(tree), path), key=f"{number}", number=number)
        for number, path in enumerate(paths)
    ]


def test_what_stays_in_the_root_is_read(uploads: Uploads, tree: Path) -> None:
    outcomes = uploads.run(numbered(tree, INSIDE))
    found = {path: outcomes[number].stored for number, path in enumerate(INSIDE)}
    assert {path: stored and stored.size for path, stored in found.items()} == dict.fromkeys(
        INSIDE, 3
    )


def test_what_does_not_is_refused(uploads: Uploads, tree: Path) -> None:
    outcomes = uploads.run(numbered(tree, REFUSED))
    assert uploads.bucket.listing() == []
    for number, (path, (reason, said)) in enumerate(REFUSED.items()):
        error = outcomes[number].error
        assert error is not None, path
        assert (error.reason, error.systemic) == (reason, False), path
        line = str(error)
        assert said in line
        assert line.startswith(f"file {path[:100]}".replace("\0", " "))
        assert len(line) < 300


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_we_may_not_read_is_unreadable(uploads: Uploads, tree: Path) -> None:
    error = uploads.fail(part(SourceFile(str(tree), "unreadable")))
    assert error.reason == "file_unreadable"


def test_the_root_must_be_there(uploads: Uploads) -> None:
    error = uploads.fail(part(SourceFile(str(uploads.root / "unmounted"), "a")))
    assert (error.reason, error.systemic) == ("root_missing", True)
    assert "unmounted" in str(error)


@pytest.mark.parametrize(
    ("number", "reason", "retryable", "systemic"),
    [
        (errno.EMFILE, "out_of_resources", True, True),
        (errno.ENFILE, "out_of_resources", True, True),
        (errno.ENOMEM, "out_of_resources", True, True),
        (errno.EIO, "file_fault", True, False),
        (errno.ESTALE, "file_fault", True, False),
        (errno.ETIMEDOUT, "file_fault", True, False),
        (errno.EACCES, "file_unreadable", False, False),
        (errno.EPERM, "file_unreadable", False, False),
    ],
)
def test_a_fault_of_the_system_is_not_the_files(
    number: int, reason: str, retryable: bool, systemic: bool
) -> None:
    error = file_error("a", OSError(number, os.strerror(number)))
    assert (error.reason, error.retryable, error.systemic) == (reason, retryable, systemic)
    assert str(error) == f"file a: {os.strerror(number)}"


def test_memory_that_is_used_up_is_not_the_files_fault() -> None:
    assert file_error("a", MemoryError()).reason == "out_of_resources"


NO_DESCRIPTORS = """
import os, resource, sys
from mailvault.config import Settings
from mailvault.models import Part, SourceFile
from tests.s3.conftest import KINDS

kind, root, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
settings = Settings(
    _env_file=None, s3_endpoint="http://127.0.0.1:9", s3_bucket="bucket",
    aws_access_key_id="id", aws_secret_access_key="secret",
)
uploader = KINDS[kind](settings, concurrency=1, max_bytes=1024)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
opened = []
try:
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for descriptor in opened[:left]:
    os.close(descriptor)
uploader.submit([Part(1, "a", SourceFile(root, "a"), "text/plain")])
[outcome] = uploader.completed(30)
print(outcome.error.reason, outcome.error.systemic, outcome.error)
uploader.close()
"""


@pytest.mark.parametrize("kind", ["rust", "boto3"])
@pytest.mark.parametrize(("left", "place"), [(0, "the directory"), (1, "file a")])
def test_no_descriptors_left_is_the_systems_fault(
    tmp_path: Path, kind: str, left: int, place: str
) -> None:
    (tmp_path / "a").write_text("abc")
    said = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTORS, kind, str(tmp_path), str(left)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert said.startswith(f"out_of_resources True {place}")
    assert "Too many open files" in said
