"""Multipart uploads that nobody will complete, and that cost room at the store until aborted.

Who works on an upload aborts it when it fails. But where the answer to its start was lost, or a
worker was killed, nobody knows its id: it is found in the store's list.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from mailvault.store.boto_errors import FAILURES, explain
from mailvault.store.options import boto_client, bucket_name
from mailvault.store.pace import BRIEF

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailvault.config import Settings

log = logging.getLogger(__name__)


def abort_leftovers(settings: Settings, stored: Callable[[list[str]], set[str]]) -> None:
    """Abort the uploads to all keys that are `stored`: nobody needs these any more.

    To be called where nobody has a job in hand: an attachment that two emails share may be on its
    way a second time. What is not allowed or fails is left to the bucket's lifecycle rule.
    """
    bucket = bucket_name(settings)
    with closing(boto_client(settings, BRIEF)) as client:
        try:
            for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
                uploads = page.get("Uploads", [])
                over = stored([one["Key"] for one in uploads]) if uploads else set()
                for one in uploads:
                    if one["Key"] in over:
                        client.abort_multipart_upload(
                            Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"]
                        )
                        log.info("aborted a left-over multipart upload of %s", one["Key"])
        except FAILURES as error:
            log.info("left-over multipart uploads: %s", explain(error)[1])
