"""Lists what is in the bucket that the environment names: `python -m deploy.list_bucket 10`."""

from __future__ import annotations

import itertools
import os
import sys

import boto3


def main(limit: int) -> None:
    """Print size and key of the first objects."""
    client = boto3.client("s3", endpoint_url=os.environ.get("S3_ENDPOINT"))
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=os.environ["S3_BUCKET"])
    objects = (item for page in pages for item in page.get("Contents", []))
    for item in itertools.islice(objects, limit):
        print(f"{item['Size']:>10,}  {item['Key']}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
