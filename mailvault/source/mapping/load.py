"""Reads the mapping of `mailvault.toml`."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from mailvault.config import TOML_FILE
from mailvault.errors import ConfigError
from mailvault.source.mapping.form import Mapping
from mailvault.source.mapping.places import Places


def load_mapping(path: Path = Path(TOML_FILE)) -> Mapping:
    """Read the mapping of `path`, or the built-in one where that file has none.

    Raises:
        ConfigError: The file is not TOML, or the mapping in it is not of its form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _built_in()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    given = {name: document[name] for name in ("email", "part") if name in document}
    if not given:
        return _built_in()
    places = Places(path, text)
    try:
        return Mapping.model_validate(given).read_from(places)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        text = first["msg"].removeprefix("Value error, ")
        place = ".".join(str(step) for step in first["loc"])
        raise ConfigError(
            f"{places.of(first['loc'])}: {place + ': ' if place else ''}{text}"
        ) from None


def _built_in() -> Mapping:
    text = (files("mailvault.source") / "example.toml").read_text(encoding="utf-8")
    return Mapping.model_validate(tomllib.loads(text))
