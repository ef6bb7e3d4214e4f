"""PostgreSQL and MinIO in containers, where a Docker engine answers: nothing is the default here.

The images are those of docker-compose.yml; `docker compose build minio` makes MinIO's. The library
is imported where it is used, since that takes half a second.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.s3.servers.minio import ENVIRONMENT
from tests.s3.servers.server import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRES_IMAGE = "postgres:15-bookworm"
MINIO_IMAGE = "mailvault-minio"
MINIO_PORT = 9000


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL 15 until the block ends; give its DSN."""
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    image = os.environ.get("POSTGRES_IMAGE", POSTGRES_IMAGE)
    with PostgresContainer(image, username="postgres", driver=None) as container:
        yield container.get_connection_url()


@contextmanager
def minio() -> Iterator[dict[str, str]]:
    """Run MinIO until the block ends; give its settings."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415

    ready = HttpWaitStrategy(MINIO_PORT, "/minio/health/ready").for_status_code(200)
    with (
        DockerContainer(MINIO_IMAGE)
        .with_envs(**ENVIRONMENT)
        .with_exposed_ports(MINIO_PORT)
        .waiting_for(ready)
    ) as container:
        yield settings(container.get_exposed_port(MINIO_PORT))
