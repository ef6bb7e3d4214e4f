//! What each object asks of the store, beside what its part says: the same headers from both
//! uploaders.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const LOCKED_UNTIL: HeaderName = HeaderName::from_static("x-amz-object-lock-retain-until-date");

/// `ObjectHeaders` of `mailvault/store/object_headers.py`.
#[derive(Clone, Debug, Default, FromPyObject)]
pub(crate) struct ObjectHeaders {
    /// Of a request that makes an object, or begins to.
    #[pyo3(from_py_with = header_map)]
    pub(crate) creating: HeaderMap,
    /// Of every request about an object.
    #[pyo3(from_py_with = header_map)]
    pub(crate) touching: HeaderMap,
    /// How long an object is locked from then on.
    pub(crate) locked_days: Option<u16>,
}

fn header_map(given: &Bound<'_, PyAny>) -> PyResult<HeaderMap> {
    let given: HashMap<String, String> = given.extract()?;
    // Neither a name nor a value is repeated: one may be a key.
    HeaderMap::try_from(&given).map_err(|_| PyValueError::new_err("not a header for objects"))
}

/// Adds them to what goes through it.
#[derive(Debug)]
pub(crate) struct Asking {
    inner: HttpClient,
    headers: ObjectHeaders,
}

impl Asking {
    /// Before `inner`.
    pub(crate) fn new(inner: HttpClient, headers: ObjectHeaders) -> Self {
        Self { inner, headers }
    }
}

#[async_trait]
impl HttpService for Asking {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let creates = creates(request.method(), request.uri());
        let aborts = request.method() == Method::DELETE;
        let headers = request.headers_mut();
        if !aborts {
            headers.extend(self.headers.touching.clone());
        }
        if creates {
            headers.extend(self.headers.creating.clone());
            if let Some(days) = self.headers.locked_days {
                let until = locked_until(Utc::now(), days);
                let until = HeaderValue::from_str(&until)
                    .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
                headers.insert(LOCKED_UNTIL, until);
            }
        }
        self.inner.execute(request).await
    }
}

/// Whether a request makes an object or begins a multipart upload.
fn creates(method: &Method, uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    match *method {
        Method::PUT => !query.contains("partNumber="),
        Method::POST => query.split('&').any(|pair| pair.starts_with("uploads")),
        _ => false,
    }
}

fn locked_until(now: DateTime<Utc>, days: u16) -> String {
    let end = now + TimeDelta::days(days.into());
    end.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_an_object_is_known_by_its_request() {
        for (method, uri, expected) in [
            (Method::PUT, "http://store/bucket/key", true),
            (
                Method::PUT,
                "http://store/bucket/key?partNumber=1&uploadId=2",
                false,
            ),
            (Method::POST, "http://store/bucket/key?uploads=", true),
            (Method::POST, "http://store/bucket/key?uploadId=2", false),
            (Method::HEAD, "http://store/bucket/key", false),
            (Method::GET, "http://store/bucket/uploads", false),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(creates(&method, &uri), expected, "{method} {uri}");
        }
    }

    #[test]
    fn a_lock_ends_so_many_days_from_now() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(25);
        assert_eq!(locked_until(now, 30), "1970-02-01T01:00:00Z");
    }
}
