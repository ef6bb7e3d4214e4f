//! From an error of the HTTP client or of the store to a reason and one line.
//!
//! The client keeps its error types to itself, so what the store answered is read from the text
//! of the innermost error. The version is pinned and the tests below hold the text to it.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{PartError, Reason, name};

/// Says what kind of error ended `action` on `key`.
pub(crate) fn classify(action: &str, key: &str, error: &object_store::Error) -> PartError {
    let (reason, detail) = explain(error);
    PartError::new(reason, format!("{action} {}: {detail}", name(key)))
}

fn explain(error: &object_store::Error) -> (Reason, String) {
    let innermost = chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string);
    if let Some(http) = chain(error).find_map(|error| error.downcast_ref::<HttpError>()) {
        // Nothing was sent: there were no credentials to sign it with.
        if let Some(error) = http.source().and_then(|source| source.downcast_ref()) {
            return explain(error);
        }
        return transport(error, http.kind(), &innermost);
    }
    if let Some(answer) = Answer::parse(&innermost) {
        return (answer.reason(), answer.to_string());
    }
    let reason = match error {
        object_store::Error::Unauthenticated { .. }
        | object_store::Error::PermissionDenied { .. } => Reason::StoreDenied,
        _ if innermost.contains("without LOCATION") => Reason::BucketMissing,
        _ => Reason::StoreFault,
    };
    (reason, innermost)
}

fn transport(error: &object_store::Error, kind: HttpErrorKind, text: &str) -> (Reason, String) {
    // The client calls a time-out while connecting a time-out only.
    let connecting = || chain(error).any(|error| error.to_string() == "client error (Connect)");
    match kind {
        HttpErrorKind::Timeout if !connecting() => {
            (Reason::StoreFault, "no answer in time".to_owned())
        }
        HttpErrorKind::Connect | HttpErrorKind::Timeout => {
            (Reason::StoreUnreachable, format!("no connection: {text}"))
        }
        HttpErrorKind::Request | HttpErrorKind::Interrupted => (
            Reason::StoreUnreachable,
            format!("the connection went away: {text}"),
        ),
        _ => (Reason::StoreFault, format!("the answer is no good: {text}")),
    }
}

fn chain(error: &object_store::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| {
        error.source()
    })
}

/// What an S3 server says when it says no.
struct Answer<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
}

impl<'a> Answer<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("Server returned non-2xx status code: ")?;
        Some(Self {
            status: rest.get(..3)?.parse().ok()?,
            code: element(text, "Code"),
            message: element(text, "Message"),
        })
    }

    fn reason(&self) -> Reason {
        by_code(self.code).unwrap_or_else(|| by_status(self.status))
    }
}

fn by_code(code: &str) -> Option<Reason> {
    Some(match code {
        "NoSuchBucket" => Reason::BucketMissing,
        "SlowDown"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "KMS.ThrottlingException"
        | "TooManyRequests" => Reason::StoreBusy,
        _ if code.starts_with("KMS.") => Reason::StoreDenied, // the encryption's key, not the email
        "BadDigest"
        | "InvalidDigest"
        | "ChecksumMismatch"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch" => Reason::Damaged,
        "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" => {
            Reason::StoreFull
        }
        "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "AuthorizationHeaderMalformed" => Reason::StoreDenied,
        "NotImplemented" => Reason::StoreUnable,
        // What holds the key would have to be thawed to be compared.
        "InvalidObjectState" => Reason::StoreRefused,
        // An upload that somebody else ended; the next attempt starts a new one.
        "NoSuchUpload" | "InvalidPart" | "RequestTimeout" => Reason::StoreFault,
        _ => return None,
    })
}

fn by_status(status: u16) -> Reason {
    match status {
        300..=399 => Reason::BucketMissing, // it is in another region
        401 | 403 => Reason::StoreDenied,
        429 | 503 => Reason::StoreBusy,
        501 => Reason::StoreUnable,
        507 => Reason::StoreFull,
        408 | 409 | 412 | 500.. => Reason::StoreFault,
        _ => Reason::StoreRefused,
    }
}

impl std::fmt::Display for Answer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.status)?;
        for (before, text) in [(" ", self.code), (": ", self.message)] {
            if !text.is_empty() {
                write!(formatter, "{before}{text}")?;
            }
        }
        Ok(())
    }
}

/// The text of the first XML element of this name, or nothing.
fn element<'a>(xml: &'a str, tag: &str) -> &'a str {
    let inner = || {
        let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0)
    };
    inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, code: &str) -> (Reason, String) {
        let text = format!(
            "Server returned non-2xx status code: {status}: <?xml?>\n<Error><Code>{code}</Code>\
             <Message>Nope</Message><RequestId>1</RequestId></Error>"
        );
        explain(&object_store::Error::Generic {
            store: "S3",
            source: text.into(),
        })
    }

    #[test]
    fn what_the_store_says_is_told_apart() {
        for (status, code, reason) in [
            ("403 Forbidden", "InvalidAccessKeyId", Reason::StoreDenied),
            ("400 Bad Request", "ExpiredToken", Reason::StoreDenied),
            ("404 Not Found", "NoSuchBucket", Reason::BucketMissing),
            (
                "301 Moved Permanently",
                "PermanentRedirect",
                Reason::BucketMissing,
            ),
            ("404 Not Found", "NoSuchUpload", Reason::StoreFault),
            ("503 Service Unavailable", "SlowDown", Reason::StoreBusy),
            ("429 Too Many Requests", "", Reason::StoreBusy),
            (
                "507 Insufficient Storage",
                "XMinioStorageFull",
                Reason::StoreFull,
            ),
            (
                "500 Internal Server Error",
                "InternalError",
                Reason::StoreFault,
            ),
            ("400 Bad Request", "BadDigest", Reason::Damaged),
            ("400 Bad Request", "EntityTooLarge", Reason::StoreRefused),
            ("501 Not Implemented", "NotImplemented", Reason::StoreUnable),
            ("501 Not Implemented", "", Reason::StoreUnable),
            ("400 Bad Request", "NotImplemented", Reason::StoreUnable),
        ] {
            assert_eq!(answer(status, code).0, reason, "{status} {code}");
        }
    }

    #[test]
    fn the_line_has_status_code_and_message_only() {
        let (_, text) = answer("403 Forbidden", "AccessDenied");
        assert_eq!(text, "403 AccessDenied: Nope");
        let error = object_store::Error::Generic {
            store: "S3",
            source: "Server returned non-2xx status code: 502 Bad Gateway: <html>x</html>".into(),
        };
        assert_eq!(
            classify("storing", "a/b", &error).message(),
            "storing a/b: 502"
        );
    }
}
