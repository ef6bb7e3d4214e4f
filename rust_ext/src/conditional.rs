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
        match response.status() {
            // A store that does not know the condition says one or the other.
            StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST => {
                self.0.execute(unconditional).await
            }
            _ => Ok(response),
        }
    }
}

fn completes(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}
