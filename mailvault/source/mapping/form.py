"""The mapping: which tables hold the mail, and which columns are told what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
)
from pydantic.functional_validators import model_validator

from mailvault.errors import ConfigError

if TYPE_CHECKING:
    from mailvault.source.mapping.places import Places

Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=127, pattern=r"^[^\x00]+$")
]
"""A table (`table`, `schema.table`), a column (`column`, `alias.column`), or an alias."""

Template: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")
]
"""A column, or text with columns in braces: `{sha[0:2]}/{sha}`."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sql(_Section):
    """An expression in SQL over the tables of a section; the operator's own."""

    sql: Annotated[str, StringConstraints(min_length=1)]


class Constant(_Section):
    """A value that is written as it is."""

    constant: str | int | bool


Column: TypeAlias = Name | Sql
Key: TypeAlias = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1, max_length=8),
]
"""One column, or several that are a key together."""

Link: TypeAlias = Annotated[
    tuple[Column, ...],
    BeforeValidator(lambda given: given if isinstance(given, list) else [given]),
    Field(min_length=1, max_length=8),
]
"""What equals the key of the email, column by column."""


class Join(_Section):
    """Another table on the way from a part to its email, or to its bytes."""

    table: Name
    alias: Name | None = Field(default=None, alias="as")
    on: Annotated[str, StringConstraints(min_length=1)]
    optional: bool = False


class EmailMapping(_Section):
    """The table with one row per email."""

    table: Name
    key: Key
    received: Column | None = None
    filter: str | None = None
    eligible: str | None = None
    write_back: dict[Name, Literal["stored", "attempts", "error"] | Constant] = Field(
        default_factory=dict
    )


class Purge(_Section):
    """What freeing a part's bytes means: a row that goes, or columns that change."""

    delete: Name | None = None
    set: dict[Name, Literal["null", "empty", "object_key", "sha256"] | Constant] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.delete is None) == (not self.set):
            raise ValueError("name either the row to delete or the columns to set")
        return self


class PartMapping(_Section):
    """A table with bodies or attachments, one row each.

    The bytes are in `content`, or in files at `path`; where both are named, in a file if the
    content is NULL.
    """

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    table: Name
    alias: Name | None = Field(default=None, alias="as")
    key: Key
    join: tuple[Join, ...] = ()
    email: Link
    filter: str | None = None
    content: Column | None = None
    path: Template | Sql | None = None
    encoding: Column = "none"
    filename: Column | None = None
    content_type: Column | None = None
    size: Column | None = None
    object_key: Template | None = None
    shared: bool = False
    write_back: dict[Name, Literal["object_key", "sha256"] | Constant] = Field(
        default_factory=dict
    )
    purge: Purge | None = None

    @model_validator(mode="after")
    def _bytes_are_somewhere(self) -> Self:
        if self.content is None and self.path is None:
            raise ValueError("name content or path: where the bytes are")
        return self


class Mapping(_Section):
    """Where an application keeps its mail."""

    email: EmailMapping
    part: Annotated[tuple[PartMapping, ...], Field(min_length=1)]
    _places: Places | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _kinds_differ(self) -> Self:
        kinds = [part.kind for part in self.part]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two parts have the same kind")
        return self

    def read_from(self, places: Places) -> Self:
        """Return it knowing the lines that it was read from."""
        self._places = places
        return self

    def misfit(self, place: tuple[str | int, ...], text: str, hint: str = "") -> ConfigError:
        """Return the error of a place, such as `("part", 0, "content")`."""
        steps = []
        for before, step in zip(("", *place), place, strict=False):
            if not isinstance(step, int):
                steps += [] if step in {"part", "join"} else [step]
            elif before == "part":
                steps.append(f"part {self.part[step].kind!r}")
            else:
                steps.append(f"{before} {step + 1}")
        where = ", ".join(steps)
        line = f"{self._places.of(place)}: " if self._places else ""
        return ConfigError(f"{line}{where}: {text}", hint=hint)
