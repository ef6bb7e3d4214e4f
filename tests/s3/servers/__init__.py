"""S3 servers that the tests can start, each in a file of its own."""

from __future__ import annotations

from tests.s3.servers import garage, minio, rclone, seaweedfs, versitygw

SERVERS = {
    "seaweedfs": seaweedfs.SERVER,
    "minio": minio.SERVER,
    "rclone": rclone.SERVER,
    "versitygw": versitygw.SERVER,
    "garage": garage.SERVER,
}
