"""The image has what the tests have, and what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _pinned(name: str) -> set[str]:
    """Each package with its version, its marker and its hashes."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    return {" ".join(entry.split()) for entry in re.split(r"\n(?=\S)", text)}


def _name(requirement: str) -> str:
    return re.split(r"[^a-z0-9]", requirement.lower(), maxsplit=1)[0]


@pytest.mark.parametrize("name", ["requirements-runtime.lock", "requirements-demo.lock"])
def test_agrees_with_the_lock_file_of_the_tests(name: str) -> None:
    assert _pinned(name) <= _pinned("requirements.lock")


def test_has_all_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {_name(requirement) for requirement in project["dependencies"]}
    demo = {_name(requirement) for requirement in project["optional-dependencies"]["demo"]}
    runtime = {_name(entry) for entry in _pinned("requirements-runtime.lock")}
    assert asked <= runtime
    assert {_name(entry) for entry in _pinned("requirements-demo.lock")} - runtime == demo
