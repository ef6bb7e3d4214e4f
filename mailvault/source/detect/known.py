"""Applications that are known by their tables, and have a mapping ready in examples/."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mailvault.source.detect.tables import Table

ENOUGH = 0.75
"""Of the columns: so many make it that application, of another release perhaps."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application.

    Attributes:
        example: The name of its mapping.
        columns: The columns of its tables by which it is known.
    """

    name: str
    example: str
    columns: Mapping[str, str]

    def mapping(self) -> str:
        """Return its mapping, as TOML."""
        path = files("mailvault") / "examples" / f"{self.example}.toml"
        return path.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Recognised:
    """An application whose tables are there.

    Attributes:
        missing: Columns that are not, as `table.column`.
        share: How many of its columns are there, up to 1.
        hidden_in: The schema of its tables, if their names alone do not mean them.
    """

    application: Application
    missing: tuple[str, ...]
    share: float
    hidden_in: str | None


APPLICATIONS = (
    Application(
        "Odoo",
        "odoo",
        {
            "mail_message": "id body message_type model res_id email_from date",
            "message_attachment_rel": "message_id attachment_id",
            "ir_attachment": "id name mimetype file_size store_fname db_datas checksum",
        },
    ),
    Application(
        "Zammad",
        "zammad",
        {
            "ticket_articles": "id body content_type message_id_md5 created_at",
            "store_objects": "id name",
            "stores": "id store_object_id store_file_id o_id filename size preferences",
            "store_files": "id sha provider",
            "store_provider_dbs": "id sha data",
        },
    ),
    Application(
        "Chatwoot",
        "chatwoot",
        {
            "messages": "id content content_type content_attributes conversation_id created_at",
            "attachments": "id message_id file_type",
            "active_storage_attachments": "id name record_type record_id blob_id",
            "active_storage_blobs": "id key filename content_type byte_size service_name",
        },
    ),
    Application(
        "Request Tracker",
        "request_tracker",
        {
            "attachments": "id transactionid parent messageid filename contenttype "
            "contentencoding content headers created",
            "transactions": "id objecttype objectid type",
        },
    ),
    Application(
        "Znuny",
        "znuny",
        {
            "article": "id ticket_id communication_channel_id create_time",
            "article_data_mime": "id article_id a_body a_content_type content_path incoming_time",
            "article_data_mime_plain": "id article_id body",
            "article_data_mime_attachment": "id article_id filename content_size content_type "
            "content disposition",
        },
    ),
    Application(
        "FreeScout",
        "freescout",
        {
            "threads": "id conversation_id body headers message_id source_via created_at",
            "attachments": "id thread_id file_dir file_name mime_type size embedded",
        },
    ),
    Application(
        "the quick start",
        "laravel",
        {
            "emails": "id body received_at is_migrated migration_attempts migration_error "
            "body_s3_path",
            "files": "id email_id filename content_type size local_path s3_path",
        },
    ),
)


def recognise(tables: Sequence[Table]) -> list[Recognised]:
    """Return the applications whose tables are there, the surest first."""
    schemas: dict[str, dict[str, Table]] = defaultdict(dict)
    for table in tables:
        schemas[table.schema][table.name] = table
    found = [
        recognised
        for schema in schemas.values()
        for application in APPLICATIONS
        if (recognised := _compare(application, schema)) is not None
    ]
    return sorted(found, key=lambda each: -each.share)


def _compare(application: Application, schema: Mapping[str, Table]) -> Recognised | None:
    if not application.columns.keys() <= schema.keys():
        return None
    wanted = [
        (table, column)
        for table, columns in application.columns.items()
        for column in columns.split()
    ]
    missing = tuple(
        f"{table}.{column}" for table, column in wanted if column not in schema[table].columns
    )
    share = 1 - len(missing) / len(wanted)
    if share < ENOUGH:
        return None
    hidden = (schema[name].schema for name in application.columns if not schema[name].is_visible)
    return Recognised(application, missing, share, next(hidden, None))
