//! Signs requests as S3 wants it (AWS Signature Version 4), with all kept that one has in common
//! with the next.
//!
//! The HTTP client can do that too. It derives the key anew for each request and formats the same
//! things several times, which took as long as to hash the object.
//!
//! Specification: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
            last: Mutex::new(None),
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
    last: Mutex<Option<Arc<Stamp>>>,
}

/// What the signatures of one second with one secret have in common.
struct Stamp {
    second: i64,
    secret: String,
    time: String,
    scope: String,
    key: hmac::Key,
}

impl Stamp {
    fn new(now: DateTime<Utc>, region: &str, secret: &str) -> Self {
        let time = now.format("%Y%m%dT%H%M%SZ").to_string();
        let steps = [&time[..8], region, "s3", "aws4_request"];
        let derive = |secret: &[u8]| hmac::Key::new(HMAC_SHA256, secret);
        let start = derive(format!("AWS4{secret}").as_bytes());
        let key = steps.iter().fold(start, |key, step| {
            derive(hmac::sign(&key, step.as_bytes()).as_ref())
        });
        Self {
            second: now.timestamp(),
            secret: secret.to_owned(),
            scope: steps.join("/"),
            time,
            key,
        }
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Stamp");
        shown.field("time", &self.time).finish_non_exhaustive() // without secrets
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
        let stamp = self.stamp(now, &credential.secret_key);
        let payload = payload(request);
        let host = host(request.uri());
        let headers = request.headers_mut();
        if let Some(token) = &credential.token {
            headers.insert(TOKEN, HeaderValue::from_str(token)?);
        }
        headers.insert(DATE, HeaderValue::from_str(&stamp.time)?);
        headers.insert(CONTENT, HeaderValue::from_str(&payload)?);
        headers.insert(HOST, HeaderValue::try_from(host)?);

        let (canonical, names) = canonical(request, &payload);
        let digest = hex(Digest::of(&canonical).as_bytes());
        let text = [ALGORITHM, &stamp.time, &stamp.scope, &digest].join("\n");
        let signature = hex(hmac::sign(&stamp.key, text.as_bytes()).as_ref());
        let value = [
            ALGORITHM,
            " Credential=",
            &credential.key_id,
            "/",
            &stamp.scope,
            ", SignedHeaders=",
            &names,
            ", Signature=",
            &signature,
        ];
        let value = HeaderValue::try_from(value.concat())?;
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    /// The last stamp, unless the second or the secret is another.
    fn stamp(&self, now: DateTime<Utc>, secret: &str) -> Arc<Stamp> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(last) if last.second == now.timestamp() && last.secret == secret => last.clone(),
            _ => last
                .insert(Arc::new(Stamp::new(now, &self.region, secret)))
                .clone(),
        }
    }
}

/// The request as it is hashed, and the names of the headers in it.
fn canonical(request: &HttpRequest, payload: &str) -> (Vec<u8>, String) {
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        // What a proxy on the way may change, and what is only added later.
        .filter(|(name, _)| ![AUTHORIZATION, CONTENT_LENGTH, USER_AGENT].contains(name))
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    headers.sort_unstable();
    let (method, uri) = (request.method().as_str(), request.uri());
    let start = [method, uri.path(), &canonical_query(uri), ""];
    let mut text = start.join("\n").into_bytes();
    text.reserve(1024);
    for (name, value) in &headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        // Runs of spaces count as one.
        let words = value.split(u8::is_ascii_whitespace);
        for (place, word) in words.filter(|word| !word.is_empty()).enumerate() {
            text.extend_from_slice(if place > 0 { b" " } else { b"" });
            text.extend_from_slice(word);
        }
        text.push(b'\n');
    }
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    text.extend_from_slice(["", &names, payload].join("\n").as_bytes());
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
    match (uri.scheme_str(), uri.port()) {
        (_, None) => name.to_owned(),
        (Some("http"), Some(port)) if port == 80 => name.to_owned(),
        (Some("https"), Some(port)) if port == 443 => name.to_owned(),
        (_, Some(port)) => [name, port.as_str()].join(":"),
    }
}

#[cfg(test)]
#[path = "signing_tests.rs"]
mod tests;
