//! A multipart upload is completed only where nothing holds the key: S3 can do that, and the HTTP
//! client does not ask for it.

use async_trait::async_trait;
use http::header::{HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode};
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};

/// Adds the condition to what completes a multipart upload.
#[derive(Debug)]
pub(crate) struct Conditional(pub(crate) HttpClient);

#[async_trait]
impl HttpService for Conditional {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !completes(&request) {
            return self.0.execute(request).await;
        }
        let unconditional = request.clone();
        let headers = request.headers_mut();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let response = self.0.execute(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = body.bytes().await?;
        if unknown(head.status, &body) {
            return self.0.execute(unconditional).await;
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

/// Whether the store does not know the condition: it says so with one status or the other.
fn unknown(status: StatusCode, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    status == StatusCode::NOT_IMPLEMENTED
        || status == StatusCode::BAD_REQUEST
            && (text.contains("NotImplemented") || text.contains("If-None-Match"))
}

fn completes(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}
