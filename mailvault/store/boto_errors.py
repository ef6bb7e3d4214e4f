"""From an error of boto3 or of the store to one of ours and one line; as in `classify.rs`."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore has its own
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from mailvault.errors import (
    BucketMissingError,
    DamagedError,
    PartError,
    StoreBusyError,
    StoreDeniedError,
    StoreFaultError,
    StoreFullError,
    StoreRefusedError,
    StoreUnableError,
    StoreUnreachableError,
)
from mailvault.store.confine import short

FAILURES = (ClientError, BotoCoreError)
"""What boto3 raises for a request."""

_LONGEST_MESSAGE = 400

_BY_CODE: dict[str, type[PartError]] = {
    "NoSuchBucket": BucketMissingError,
    **dict.fromkeys(
        (
            "SlowDown",
            "ServiceUnavailable",
            "Throttling",
            "ThrottlingException",
            "KMS.ThrottlingException",
            "TooManyRequests",
        ),
        StoreBusyError,
    ),
    **dict.fromkeys(
        (
            "BadDigest",
            "InvalidDigest",
            "ChecksumMismatch",
            "XAmzContentSHA256Mismatch",
            "XAmzContentChecksumMismatch",
        ),
        DamagedError,
    ),
    **dict.fromkeys(
        ("QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"), StoreFullError
    ),
    **dict.fromkeys(
        ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed"),
        StoreDeniedError,
    ),
    "NotImplemented": StoreUnableError,
    "InvalidObjectState": StoreRefusedError,  # what holds the key would have to be thawed
    # An upload that somebody else ended; the next attempt starts a new one.
    **dict.fromkeys(("NoSuchUpload", "InvalidPart", "RequestTimeout"), StoreFaultError),
}

_BY_STATUS: dict[int, type[PartError]] = {
    401: StoreDeniedError,
    403: StoreDeniedError,
    408: StoreFaultError,
    409: StoreFaultError,
    412: StoreFaultError,
    429: StoreBusyError,
    501: StoreUnableError,
    503: StoreBusyError,
    507: StoreFullError,
}

_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)


def classify(action: str, key: str, error: ClientError | BotoCoreError) -> PartError:
    """Say what kind of error ended `action` on `key`."""
    kind, detail = explain(error)
    line = " ".join(f"{action} {short(key)}: {detail}".split())
    return kind(line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}…")


def explain(error: ClientError | BotoCoreError) -> tuple[type[PartError], str]:
    """Say what kind of error this is, and in a few words what happened."""
    return _answered(error) if isinstance(error, ClientError) else _not_answered(error)


def status(error: ClientError) -> int:
    """Return the HTTP status of an answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answered(error: ClientError) -> tuple[type[PartError], str]:
    said = error.response.get("Error", {})
    code, message, number = said.get("Code", ""), said.get("Message", ""), status(error)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(number)
    if code.startswith("KMS.") and kind is None:
        kind = StoreDeniedError  # the encryption's key, not the email
    if error.operation_name == "HeadObject" and number == 400:
        # This answer has no body that could say more; S3 gives it where a token has expired.
        kind = StoreDeniedError
    if kind is None and 300 <= number < 400:
        kind = BucketMissingError  # it is in another region
    if kind is None:
        # An error inside an answer of 200 stands for a 500.
        kind = StoreFaultError if number >= 500 or number < 300 else StoreRefusedError
    words = [str(number), "" if code == str(number) else code]
    return kind, " ".join(filter(None, words)) + (f": {message}" if message else "")


def _not_answered(error: BotoCoreError) -> tuple[type[PartError], str]:
    if isinstance(error, ReadTimeoutError):
        return StoreFaultError, "no answer in time"
    if isinstance(error, ConnectTimeoutError):
        return StoreUnreachableError, "no connection in time"
    if isinstance(error, (ConnectionError, HTTPClientError)):
        # Its text repeats the URL with its query; what happened is the innermost cause.
        return StoreUnreachableError, f"no connection: {_innermost(error)}"
    if isinstance(error, _NO_CREDENTIALS):
        return StoreDeniedError, str(error)
    if isinstance(error, ParamValidationError):
        return StoreRefusedError, str(error)
    return StoreFaultError, type(error).__name__


def _innermost(error: BotoCoreError) -> str:
    cause = error.kwargs.get("error", error)
    while isinstance(cause, BaseException):
        deeper = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
        if not isinstance(deeper, BaseException) or deeper is cause:
            break
        cause = deeper
    return str(getattr(cause, "strerror", None) or type(cause).__name__)
