//! An S3 server that takes everything at once and keeps nothing: what a bench measures beside it
//! is the client.
//!
//! `mailvault-sink [MILLISECONDS]` prints its port, answers each request after so many
//! milliseconds, and prints how many objects and bytes it was sent when its input ends.

#![deny(unsafe_code)]

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, ETAG};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

const TAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";

/// What was sent.
#[derive(Default)]
struct Sink {
    delay: Duration,
    objects: Cell<u64>,
    bytes: Cell<u64>,
}

impl Sink {
    async fn answer(
        self: Rc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        // A body that breaks off ends the connection with it.
        while let Some(Ok(frame)) = request.body_mut().frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.bytes.set(self.bytes.get() + length as u64);
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let query = request.uri().query().unwrap_or_default();
        let slice = query.contains("partNumber=");
        let completion = request.method() == Method::POST && query.contains("uploadId=");
        if completion || (request.method() == Method::PUT && !slice) {
            self.objects.set(self.objects.get() + 1);
        }
        let (status, xml) = reply(request.method(), request.uri().path(), query);
        let mut response = Response::new(Full::new(Bytes::from_static(xml.as_bytes())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(ETAG, hyper::header::HeaderValue::from_static(TAG));
        if !xml.is_empty() {
            let kind = hyper::header::HeaderValue::from_static("application/xml");
            headers.insert(CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}

/// What a store would say that has one bucket, of any name, with nothing in it.
fn reply(method: &Method, path: &str, query: &str) -> (StatusCode, &'static str) {
    let bucket = path.trim_matches('/').split('/').count() < 2;
    match *method {
        Method::POST if query.contains("uploadId=") => (
            StatusCode::OK,
            "<CompleteMultipartUploadResult><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e-1&quot;\
             </ETag></CompleteMultipartUploadResult>",
        ),
        Method::POST if query.contains("uploads") => (
            StatusCode::OK,
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
        ),
        Method::GET if bucket => (
            StatusCode::OK,
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        ),
        Method::GET => (
            StatusCode::NOT_FOUND,
            "<Error><Code>NoSuchKey</Code></Error>",
        ),
        Method::HEAD if !bucket => (StatusCode::NOT_FOUND, ""),
        Method::DELETE => (StatusCode::NO_CONTENT, ""),
        _ => (StatusCode::OK, ""),
    }
}

async fn serve(stream: TcpStream, sink: Rc<Sink>) {
    // An answer of two small packets would wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| Rc::clone(&sink).answer(request));
    // A client that goes away ends its own connection only.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn run(delay: Duration) -> std::io::Result<()> {
    let sink = Rc::new(Sink {
        delay,
        ..Sink::default()
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(serve(stream, Rc::clone(&sink)));
        }
    };
    let mut input = tokio::io::stdin();
    let mut ignored = Vec::new();
    tokio::select! {
        () = accepting => {}
        _ = input.read_to_end(&mut ignored) => {}
    }
    println!("{} {}", sink.objects.get(), sink.bytes.get());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let milliseconds = std::env::args().nth(1).map_or(Ok(0), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(run(Duration::from_millis(milliseconds))))?;
    // The thread that reads the input cannot be woken.
    runtime.shutdown_background();
    Ok(())
}
