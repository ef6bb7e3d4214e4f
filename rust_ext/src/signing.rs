//! Signs requests as S3 wants it (AWS Signature Version 4), with the day's key kept.
//!
//! The HTTP client can do that too. It derives the key anew for each request and formats the same
//! things several times, which took as long as to hash the object.
//!
//! Specification: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, InvalidHeaderValue, USER_AGENT};
use http::{HeaderName, HeaderValue, Uri};
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::digest::{Digest, hex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What a query leaves as it is: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Signs what goes through it.
#[derive(Debug)]
pub(crate) struct Signed {
    inner: HttpClient,
    credentials: AwsCredentialProvider,
    signer: Signer,
}

impl Signed {
    pub(crate) fn new(
        inner: HttpClient,
        credentials: AwsCredentialProvider,
        region: String,
    ) -> Self {
        let signer = Signer {
            region,
            key: Mutex::new(None),
        };
        Self {
            inner,
            credentials,
            signer,
        }
    }
}

#[async_trait]
impl HttpService for Signed {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let refused = |error| HttpError::new(HttpErrorKind::Unknown, error);
        let credential = self.credentials.get_credential().await.map_err(refused)?;
        self.signer
            .sign(&mut request, &credential, Utc::now())
            .map_err(|error| refused(malformed(error)))?;
        self.inner.execute(request).await
    }
}

/// All other headers of ours are known to be one line of ASCII.
fn malformed(error: InvalidHeaderValue) -> object_store::Error {
    object_store::Error::Unauthenticated {
        path: "the key or the token".to_owned(),
        source: error.into(),
    }
}

/// Makes signatures for one region.
#[derive(Debug)]
struct Signer {
    region: String,
    key: Mutex<Option<DayKey>>,
}

/// What is derived from a secret for one day.
#[derive(Clone)]
struct DayKey {
    secret: String,
    day: String,
    key: hmac::Key,
}

impl fmt::Debug for DayKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("DayKey");
        shown.field("day", &self.day).finish_non_exhaustive() // without secrets
    }
}

impl Signer {
    /// Adds the headers that carry the signature; all others must be there.
    fn sign(
        &self,
        request: &mut HttpRequest,
        credential: &AwsCredential,
        now: DateTime<Utc>,
    ) -> Result<(), InvalidHeaderValue> {
        let time = now.format("%Y%m%dT%H%M%SZ").to_string();
        let payload = payload(request);
        let host = host(request.uri());
        let headers = request.headers_mut();
        if let Some(token) = &credential.token {
            headers.insert(TOKEN, HeaderValue::from_str(token)?);
        }
        headers.insert(DATE, HeaderValue::from_str(&time)?);
        headers.insert(CONTENT, HeaderValue::from_str(&payload)?);
        headers.insert(HOST, HeaderValue::from_str(&host)?);

        let (canonical, signed) = canonical(request, &payload);
        let day = &time[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let digest = hex(Digest::of(canonical.as_bytes()).as_bytes());
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{digest}");
        let tag = hmac::sign(&self.key(&credential.secret_key, day), text.as_bytes());
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={}",
            credential.key_id,
            hex(tag.as_ref()),
        );
        let value = HeaderValue::from_str(&authorization)?;
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    /// The key for a day, which is the last one's unless the day or the secret is another.
    fn key(&self, secret: &str, day: &str) -> hmac::Key {
        let mut last = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(last) if last.day == day && last.secret == secret => last.key.clone(),
            _ => {
                let start = format!("AWS4{secret}").into_bytes();
                let steps = [day, &self.region, "s3", "aws4_request"];
                let key = steps.iter().fold(start, |key, step| {
                    let key = hmac::Key::new(HMAC_SHA256, &key);
                    hmac::sign(&key, step.as_bytes()).as_ref().to_vec()
                });
                let key = hmac::Key::new(HMAC_SHA256, &key);
                *last = Some(DayKey {
                    secret: secret.to_owned(),
                    day: day.to_owned(),
                    key: key.clone(),
                });
                key
            }
        }
    }
}

/// The request as it is hashed, and the names of the headers in it.
fn canonical(request: &HttpRequest, payload: &str) -> (String, String) {
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        // What a proxy on the way may change, and what is only added later.
        .filter(|(name, _)| ![AUTHORIZATION, CONTENT_LENGTH, USER_AGENT].contains(name))
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    headers.sort_unstable();
    let mut text = String::with_capacity(1024);
    let mut names = String::with_capacity(256);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}\n{}", request.method(), request.uri().path());
    let _ = writeln!(text, "{}", canonical_query(request.uri()));
    for (name, value) in headers {
        let _ = write!(text, "{name}:");
        // Runs of spaces count as one.
        for (place, word) in String::from_utf8_lossy(value)
            .split_whitespace()
            .enumerate()
        {
            text.push_str(if place > 0 { " " } else { "" });
            text.push_str(word);
        }
        text.push('\n');
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
    }
    let _ = write!(text, "\n{names}\n{payload}");
    (text, names)
}

fn canonical_query(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| {
            let encode = |text| utf8_percent_encode(text, RESERVED).to_string();
            format!("{}={}", encode(&name), encode(&value))
        })
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// The SHA-256 of the body: that of the checksum header, if there is one.
fn payload(request: &HttpRequest) -> String {
    let body = request.body();
    let known = request.headers().get(CHECKSUM);
    match known.map(|checksum| BASE64_STANDARD.decode(checksum)) {
        Some(Ok(digest)) => hex(&digest),
        _ if body.content_length() == 0 => hex(Digest::of(b"").as_bytes()),
        _ => match body.as_bytes() {
            Some(bytes) => hex(Digest::of(bytes).as_bytes()),
            None => "UNSIGNED-PAYLOAD".to_owned(),
        },
    }
}

/// The host as the HTTP client will name it: without a port that goes without saying.
fn host(uri: &Uri) -> String {
    let name = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443)) => name.to_owned(),
        (_, Some(port)) => format!("{name}:{port}"),
    }
}

#[cfg(test)]
#[path = "signing_tests.rs"]
mod tests;
