"""The temporary files of large bodies: who removes them, and when."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mailvault.errors import SpoolError
from mailvault.source.spool import PREFIX, Spool

KILLED = """
import os, signal
from mailvault.source.spool import Spool
spool = Spool()
spool.write(1, [b"mail"])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_file_is_there_until_it_is_discarded(tmp_path: Path) -> None:
    spool = Spool()
    assert list(tmp_path.iterdir()) == []
    file = spool.write(7, [b"ma", b"il"])
    path = Path(file.root, file.path)
    assert path.read_bytes() == b"mail"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    spool.discard(8)
    spool.discard(7)
    assert not path.exists()
    spool.write(9, [b"x"])
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_worker_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], check=False, env={"TMPDIR": str(tmp_path)}, cwd=Path.cwd()
    )
    assert done.returncode == -signal.SIGKILL
    [abandoned] = tmp_path.iterdir()
    assert (abandoned / "1").read_bytes() == b"mail"
    (tmp_path / f"{PREFIX}link").symlink_to(abandoned)
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / "other").mkdir()

    one, other = Spool(), Spool()
    kept = one.write(1, [b"mine"])
    also = other.write(1, [b"yours"])
    assert not abandoned.exists()
    assert Path(kept.root, kept.path).read_bytes() == b"mine"
    assert Path(also.root, also.path).read_bytes() == b"yours"
    one.close()
    other.close()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{PREFIX}link", f"{PREFIX}file", "other"}


def test_where_nothing_can_be_written_it_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(SpoolError, match="no temporary copy in /proc"):
        Spool().write(1, [b"mail"])
