"""The program as its users run it: a process of its own, with an environment and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


TIMEOUT = 120


@dataclass
class Program:
    """Runs mailvault in a directory, with an environment that tests may change."""

    directory: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        """The command line of one run."""
        return [sys.executable, "-m", "mailvault", *arguments]

    def run(
        self, *arguments: str, code: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, and make sure of the exit code."""
        done = subprocess.run(
            self.command(*arguments),
            check=False, capture_output=True, text=True, timeout=TIMEOUT, cwd=self.directory,
            env={**os.environ, **self.environment, **environment},
        )  # fmt: skip
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start, and leave it running."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.directory,
            env={**os.environ, **self.environment, **environment},
        )  # fmt: skip
