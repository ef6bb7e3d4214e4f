"""Reads a bucket with nothing but the standard library: no code in common with any uploader."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

EMPTY = hashlib.sha256(b"").hexdigest()


class Bucket:
    """One bucket, by requests that it signs itself (AWS Signature Version 4)."""

    def __init__(self, name: str, settings: dict[str, str]) -> None:
        self.name = name
        self.settings = settings | {"S3_BUCKET": name}
        self._host = urlsplit(settings["S3_ENDPOINT"]).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=30)

    def __enter__(self) -> Self:
        self._ask("PUT", "")
        return self

    def __exit__(self, *_: object) -> None:
        for key in self.list():
            self._ask("DELETE", key)
        self._ask("DELETE", "")
        self._connection.close()

    def list(self) -> dict[str, tuple[int, str]]:
        """Size and etag of every object."""
        found: dict[str, tuple[int, str]] = {}
        token: str | None = None
        while True:
            query = {"list-type": "2"} | ({"continuation-token": token} if token else {})
            page = ET.fromstring(self._ask("GET", "", query))
            space = page.tag.partition("}")[0] + "}"
            for item in page.iter(f"{space}Contents"):
                key = item.findtext(f"{space}Key", "")
                etag = item.findtext(f"{space}ETag", "").strip('"')
                found[key] = (int(item.findtext(f"{space}Size", "-1")), etag)
            token = page.findtext(f"{space}NextContinuationToken")
            if not token:
                return found

    def read(self, key: str) -> bytes:
        """The bytes of one object."""
        return self._ask("GET", key)

    def _ask(self, method: str, key: str, query: dict[str, str] | None = None) -> bytes:
        path = quote(f"/{self.name}" + (f"/{key}" if key else ""), safe="/-_.~")
        asked = urlencode(sorted((query or {}).items()), quote_via=quote)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self._host, "x-amz-content-sha256": EMPTY, "x-amz-date": now}
        headers["authorization"] = self._signature(method, path, asked, headers)
        self._connection.request(method, f"{path}?{asked}" if asked else path, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {body[:300]!r}"
        return body

    def _signature(self, method: str, path: str, query: str, headers: dict[str, str]) -> str:
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{EMPTY}"
        now = headers["x-amz-date"]
        scope = f"{now[:8]}/{self.settings['S3_REGION']}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = b"AWS4" + self.settings["AWS_SECRET_ACCESS_KEY"].encode()
        for step in scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        return (
            f"AWS4-HMAC-SHA256 Credential={self.settings['AWS_ACCESS_KEY_ID']}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
