"""Commands are found by their names, and imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from mailvault.cli import COMMANDS, mailvault

IMPORTED = """
import sys
from mailvault.cli import mailvault
try:
    mailvault(["pause", "--help"])
finally:
    print(*(name for name in sys.modules if name.startswith("mailvault.cli.")))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_the_name_by_which_it_is_found(name: str) -> None:
    command = mailvault.get_command(click.Context(mailvault), name)
    assert command is not None
    assert command.name == name


def test_only_the_command_that_is_run_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True
    )
    imported = done.stdout.splitlines()[-1].split()
    assert "mailvault.cli.control" in imported
    assert not {"mailvault.cli.doctor", "mailvault.cli.work"} & set(imported)
