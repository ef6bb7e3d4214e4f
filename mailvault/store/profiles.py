"""What must be known of a provider before its first request is sent, or cannot be tried out.

Facts of providers that cannot be run on one's own machine are from their documentation: see
docs/stores.md, which also says where.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mailvault.config import Settings

Encryption = Literal["AES256", "aws:kms", "sse-c", "none"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider, or a kind of server.

    Attributes:
        name: As in S3_PROVIDER.
        title: As people call it.
        host: A pattern of its endpoint's host; a group in it is the region.
        server: How its answers' `Server` header starts.
        region: The region that it wants where the host and S3_REGION say none.
        virtual_host: Whether the bucket goes into the host's name, and not into the path.
        encryption: What is asked for where S3_SSE leaves it to us.
        caution: What an operator should know.
    """

    name: str
    title: str
    host: str | None = None
    server: str | None = None
    region: str = "us-east-1"
    virtual_host: bool = False
    encryption: Literal["AES256", "none"] = "AES256"
    caution: str | None = None


GENERIC = Profile("generic", "an S3 store")

# AWS wants new buckets addressed by host; what is named by S3_ENDPOINT is addressed by path.
AWS = Profile("aws", "AWS S3", r"s3\.([a-z0-9-]+)\.amazonaws\.com", virtual_host=True)

PROFILES = (
    AWS,
    Profile("minio", "MinIO", server="MinIO"),
    Profile("ceph", "Ceph RGW"),
    # It knows no `x-amz-server-side-encryption` and takes no notice of it.
    Profile("garage", "Garage", region="garage", encryption="none"),
    Profile("seaweedfs", "SeaweedFS", server="SeaweedFS"),
    # Its older buckets do not encrypt by themselves.
    Profile(
        "b2", "Backblaze B2", r"s3\.([a-z0-9-]+)\.backblazeb2\.com",
        caution="it has answered 501 to If-None-Match, without which mailvault does not upload",
    ),
    # These three encrypt everything by themselves, and some of them do not know the header.
    Profile(
        "r2", "Cloudflare R2", r"[a-z0-9.-]+\.r2\.cloudflarestorage\.com",
        region="auto", encryption="none",
    ),
    Profile(
        "wasabi", "Wasabi", r"s3\.(?:([a-z0-9-]+)\.)?wasabisys\.com",
        encryption="none",
    ),
    Profile(
        "gcs", "Google Cloud Storage", r"storage\.googleapis\.com",
        encryption="none",
        caution="it heeds If-None-Match only where data is read: a key that is in use would be "
        "written over",
    ),
    GENERIC,
)  # fmt: skip


def profile_of(settings: Settings) -> Profile:
    """Return the profile that is named, or the one that the endpoint's host tells."""
    if settings.s3_provider != "auto":
        return next(profile for profile in PROFILES if profile.name == settings.s3_provider)
    if settings.s3_endpoint is None:
        return AWS
    return next((profile for profile in PROFILES if _matched(profile, settings)), GENERIC)


def profile_by_server(settings: Settings, server: str | None) -> Profile:
    """Return the profile, and if nothing else tells, the one whose servers call themselves so."""
    found = profile_of(settings)
    if settings.s3_provider != "auto" or found is not GENERIC or server is None:
        return found
    named = (profile for profile in PROFILES if profile.server)
    return next((one for one in named if server.startswith(one.server or "")), GENERIC)


def region_of(settings: Settings) -> str:
    """Return the region that is set, or that the endpoint's host tells, or the usual one."""
    profile = profile_of(settings)
    match = _matched(profile, settings)
    told = match.group(1) if match and match.re.groups else None
    return settings.s3_region or told or profile.region


def encryption_of(settings: Settings) -> Encryption:
    """Return what is asked for with each object."""
    return profile_of(settings).encryption if settings.s3_sse == "auto" else settings.s3_sse


def _matched(profile: Profile, settings: Settings) -> re.Match[str] | None:
    host = urlsplit(settings.s3_endpoint or "").hostname or ""
    return re.fullmatch(profile.host, host) if profile.host else None
