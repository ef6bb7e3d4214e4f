"""Settings: flag, then environment, then `.env`, then `mailvault.toml`, then default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mailvault.bandwidth import Timetable
from mailvault.errors import ConfigError
from mailvault.hours import Hours
from mailvault.object_options import Lock, customer_key, tags

if TYPE_CHECKING:
    from collections.abc import Callable

TOML_FILE = "mailvault.toml"

UploaderChoice = Literal["auto", "rust", "boto3"]

Provider = Literal[
    "auto", "aws", "minio", "ceph", "garage", "seaweedfs", "r2", "b2", "wasabi", "gcs", "generic"
]

Compression = Literal["none", "gzip", "zstd"]

LogFormat = Literal["auto", "text", "json"]


def _binary_size(value: object) -> object:
    """Read `512M` as the field does, in powers of 1,024."""
    if isinstance(value, str) and value[-1:].upper() in "KMGT":
        return f"{value}iB"
    return value


Size = Annotated[ByteSize, BeforeValidator(_binary_size)]


def _readable(read: Callable[[str], object]) -> AfterValidator:
    """Keep a value as it is written, if it can be read."""

    def check(value: str | SecretStr) -> str | SecretStr:
        read(value.get_secret_value() if isinstance(value, SecretStr) else value)
        return value

    return AfterValidator(check)


Bandwidth = Annotated[str, _readable(Timetable.parse)]
Window = Annotated[str, _readable(Hours.parse)]
Tags = Annotated[str, _readable(tags)]
ObjectLock = Annotated[str, _readable(Lock.parse)]
CustomerKey = Annotated[SecretStr, _readable(customer_key)]


class Settings(BaseSettings):
    """What can be set, under the name of its environment variable in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env",
        toml_file=TOML_FILE,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="PostgreSQL connection string; empty means libpq's PG* variables.",
    )
    source_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="A replica of it to read mail from; empty means the database itself.",
    )
    s3_endpoint: str | None = Field(
        default=None, description="The store's address; none means AWS S3 itself."
    )
    s3_bucket: str | None = Field(default=None, description="The bucket that mail goes to.")
    s3_region: str | None = Field(
        default=None, description="The bucket's region; none means the provider's usual one."
    )
    s3_provider: Provider = Field(
        default="auto", description="Whose store it is; `auto` goes by the endpoint's host."
    )
    s3_sse: Literal["auto", "AES256", "aws:kms", "sse-c", "none"] = Field(
        default="auto",
        description="Server-side encryption asked of the store for each object; `auto` is AES256 "
        "where the provider does not encrypt by itself and does not refuse it.",
    )
    s3_sse_kms_key_id: str | None = Field(
        default=None, description="The key for `aws:kms`; none means the bucket's own."
    )
    s3_sse_customer_key: CustomerKey | None = Field(
        default=None,
        description="The key for `sse-c`, 32 bytes in base64. Whoever loses it loses the mail.",
    )
    s3_storage_class: str | None = Field(
        default=None,
        pattern="^[A-Z0-9_-]+$",
        description="The objects' storage class, as STANDARD_IA; none means the bucket's own.",
    )
    s3_tags: Tags | None = Field(
        default=None, description="The objects' tags, as in team=mail&keep=7y."
    )
    s3_object_lock: ObjectLock | None = Field(
        default=None,
        description="How long an object can neither be deleted nor replaced, as in governance 30d "
        "or compliance 7y; the bucket must allow it.",
    )
    aws_access_key_id: SecretStr | None = Field(
        default=None, description="The store's key; without one, the usual AWS chain."
    )
    aws_secret_access_key: SecretStr | None = Field(default=None, description="Its secret.")
    aws_session_token: SecretStr | None = Field(default=None, description="Its token, if any.")

    migration_batch_size: int = Field(
        default=10_000, ge=1, le=100_000, description="Emails enqueued in one transaction."
    )
    migration_keys: Literal["id", "content"] = Field(
        default="id",
        description="What objects are named after: ids and file names, or their own digest, which "
        "stores equal ones once.",
    )
    migration_max_attempts: int = Field(
        default=3, ge=1, le=100, description="Attempts after which an email is a dead letter."
    )
    migration_retry_delay: float = Field(
        default=60, ge=0, description="Seconds before the second attempt; doubles each time."
    )
    migration_workers: int = Field(
        default=16, ge=1, le=4096, description="Emails in flight in one process (`work -j`)."
    )
    migration_memory_limit: Size = Field(
        default=ByteSize(512 * 1024**2), description="Memory that a worker process keeps within."
    )
    migration_bwlimit: Bandwidth = Field(
        default="off",
        description="A second, of one `work` command: 10M, or by the hour; a bare number is KiB.",
    )
    migration_window: Window = Field(
        default="", description="When to work, in local time: 22:00-06:00; empty means always."
    )
    migration_max_replica_lag: float | None = Field(
        default=None, gt=0, description="Seconds that a replica may be behind; none means any."
    )
    migration_max_archive_backlog: int | None = Field(
        default=None, gt=0, description="Files of WAL that may wait to be archived."
    )
    migration_max_active_sessions: int | None = Field(
        default=None, gt=0, description="Sessions of others that may be busy at once."
    )
    migration_max_claim_latency: float | None = Field(
        default=None, gt=0, description="Seconds that a claim of jobs may take."
    )
    migration_compress: Compression = Field(
        default="none", description="How text is compressed on its way to the store."
    )
    migration_log_format: LogFormat = Field(
        default="auto",
        description="How `work` logs: for a person on a terminal and in plain lines elsewhere, in "
        "plain lines, or in JSON, one object a line.",
    )
    migration_chunk_timeout: float = Field(
        default=300, gt=0, description="Seconds until a hanging worker's jobs are taken back."
    )
    migration_eligible_every: float = Field(
        default=3600,
        gt=0,
        description="Seconds between two walks through the mail for what has become eligible.",
    )
    migration_files_root: Path = Field(
        default=Path("files"), description="The directory that attachment paths start from."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is given
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the TOML file last, so that everything else wins over it."""
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            TomlConfigSettingsSource(settings_cls),
        )


def load_settings(**flags: object) -> Settings:
    """Read all sources; flags that are None were not given.

    Raises:
        ConfigError: A value is not of its kind; the text names the setting and the fault.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"]).upper()
        raise ConfigError(f"{name}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        # Not TOML, not UTF-8, not readable.
        raise ConfigError(f"{TOML_FILE} or .env: {error}") from None
