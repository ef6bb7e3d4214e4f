"""The mapping: which tables hold the mail, and which columns are told what became of it."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.functional_validators import model_validator

from mailvault.config import TOML_FILE
from mailvault.errors import ConfigError

Name = Annotated[str, StringConstraints(min_length=1, max_length=127, pattern=r"^[^\x00]+$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmailMapping(_Section):
    """The table with one row per email."""

    table: Name
    key: Name
    received: Name | None = None
    filter: str | None = None
    write_back: dict[Name, Literal["stored", "attempts", "error"]] = Field(default_factory=dict)


class PartMapping(_Section):
    """A table with bodies or attachments: its bytes are in `content`, or in files at `path`."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    table: Name
    key: Name
    email: Name
    content: Name | None = None
    path: Name | None = None
    filename: Name | None = None
    content_type: Name | None = None
    size: Name | None = None
    write_back: dict[Name, Literal["object_key"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bytes_are_in_one_place(self) -> Self:
        if (self.content is None) == (self.path is None):
            raise ValueError("name either content or path")
        return self


class Mapping(_Section):
    """Where an application keeps its mail."""

    email: EmailMapping
    part: Annotated[tuple[PartMapping, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _kinds_differ(self) -> Self:
        kinds = [part.kind for part in self.part]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two parts have the same kind")
        return self


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
        mapping = {name: document[name] for name in ("email", "part") if name in document}
        return Mapping.model_validate(mapping) if mapping else _built_in()
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"{path}: {place}: {first['msg']}") from None


def _built_in() -> Mapping:
    text = (files("mailvault.source") / "example.toml").read_text(encoding="utf-8")
    return Mapping.model_validate(tomllib.loads(text))
