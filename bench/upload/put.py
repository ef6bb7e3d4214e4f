"""Puts objects of random bytes from memory: `python -m bench.upload.put rust 1000 16`."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mailvault.config import load_settings
from mailvault.models import Part
from mailvault.store.open import open_uploader
from mailvault.store.options import boto_client, bucket_name

if TYPE_CHECKING:
    from mailvault.config import Settings
    from mailvault.models import Outcome

SIZE = 10 * 1024
"""Bytes of an object."""

IN_FLIGHT = 16

GROUP = 200
"""Objects that are submitted at once."""

AHEAD = 3
"""Groups that are with the uploader."""


def by_uploader(settings: Settings, kind: str, count: int, in_flight: int) -> None:
    """Put by one of mailvault's own uploaders."""
    content = os.urandom(SIZE)
    uploader = open_uploader(
        settings, choice="rust" if kind == "rust" else "boto3",
        concurrency=in_flight, max_bytes=64 * 1024**2,
    ).uploader  # fmt: skip
    under_way = 0
    for numbers in _groups(count):
        uploader.submit(
            [
                Part(
                    number, f"emails/{number % 256:02x}/{number}.html", content, "text/html",
                    None, (("mailvault-email", str(number)), ("mailvault-part", f"body/{number}")),
                )
                for number in numbers
            ]
        )  # fmt: skip
        under_way += len(numbers)
        while under_way > AHEAD * GROUP:
            under_way -= _stored(uploader.completed(1))
    while under_way:
        under_way -= _stored(uploader.completed(1))
    uploader.close()


def _groups(count: int) -> list[range]:
    return [range(start, min(start + GROUP, count)) for start in range(0, count, GROUP)]


def _stored(outcomes: list[Outcome]) -> int:
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return len(outcomes)


def by_script(settings: Settings, count: int, in_flight: int) -> None:
    """Put as a script does that somebody writes in an afternoon: boto3 and threads."""
    plain = settings.model_copy(update={"s3_sse": "none"})  # it asks for nothing
    client, bucket = boto_client(plain, connections=in_flight), bucket_name(settings)
    content = os.urandom(SIZE)

    def put(number: int) -> None:
        client.put_object(
            Bucket=bucket, Key=f"emails/{number % 256:02x}/{number}.html", Body=content,
            ContentType="text/html",
        )  # fmt: skip

    with ThreadPoolExecutor(in_flight) as threads:
        for _ in threads.map(put, range(count)):
            pass


def main(kind: str, count: str, in_flight: str) -> None:
    """Put `count` objects as `kind` does: rust, boto3 or script."""
    settings = load_settings()
    if kind == "script":
        by_script(settings, int(count), int(in_flight))
    else:
        by_uploader(settings, kind, int(count), int(in_flight))


if __name__ == "__main__":
    main(*sys.argv[1:])
