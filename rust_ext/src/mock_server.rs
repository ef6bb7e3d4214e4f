//! An HTTP server for the tests that answers, stalls or breaks off as a script tells it.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncBufReadExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request, its body read.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `PUT`.
    pub(crate) method: String,
    /// `/bucket/key?query`.
    pub(crate) target: String,
    /// The head's other lines, in lower case.
    pub(crate) headers: Vec<String>,
}

impl Request {
    /// Method and query, which tell the calls of S3 apart: `POST ?uploads`, `PUT`.
    pub(crate) fn call(&self) -> String {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let names: Vec<_> = query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or_default())
            .collect();
        format!("{} {}", self.method, names.join("&"))
            .trim_end()
            .to_owned()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answers with a status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Answers 200 and breaks off in the middle of the body.
    Truncated(Vec<(&'static str, String)>, Vec<u8>),
    /// Never answers.
    Hang,
    /// Breaks off without an answer.
    Reset,
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Step {
    Step::Answer(status, vec![("etag", "\"tag\"".to_owned())], Vec::new())
}

/// An error as S3 words it.
pub(crate) fn failure(status: u16, code: &str) -> Step {
    let body = format!("<Error><Code>{code}</Code><Message>scripted</Message></Error>");
    Step::Answer(status, Vec::new(), body.into_bytes())
}

/// An object, as GET and HEAD answer.
pub(crate) fn object(bytes: &[u8]) -> Step {
    Step::Answer(200, object_headers(), bytes.to_vec())
}

/// The headers that the client wants on an object.
pub(crate) fn object_headers() -> Vec<(&'static str, String)> {
    vec![
        ("etag", "\"there\"".to_owned()),
        ("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT".to_owned()),
    ]
}

type Script = Box<dyn FnMut(&Request) -> Step + Send>;

/// A server that runs until it is dropped.
pub(crate) struct MockServer {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    accepting: JoinHandle<()>,
}

impl MockServer {
    /// Listens on a free port and asks `script` what to do with each request.
    pub(crate) async fn start(script: impl FnMut(&Request) -> Step + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let log = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self {
            address,
            requests,
            accepting,
        }
    }

    /// The server's address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The requests so far, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Their calls.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.requests().iter().map(Request::call).collect()
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    stream: TcpStream,
    script: Arc<Mutex<Script>>,
    log: Arc<Mutex<Vec<Request>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read_request(&mut stream).await?;
        let step = (script.lock().unwrap())(&request);
        let head_only = request.method == "HEAD";
        log.lock().unwrap().push(request);
        match step {
            Step::Answer(status, headers, body) => {
                let mut answer = head(status, &headers, body.len()).into_bytes();
                if !head_only {
                    answer.extend(body);
                }
                stream.write_all(&answer).await.ok()?;
            }
            Step::Truncated(headers, body) => {
                let mut answer = head(200, &headers, body.len()).into_bytes();
                answer.extend(&body[..body.len() / 2]);
                stream.write_all(&answer).await.ok()?;
                return None;
            }
            Step::Hang => std::future::pending().await,
            Step::Reset => {
                stream.get_ref().set_zero_linger().ok()?;
                return None;
            }
        }
    }
}

fn head(status: u16, headers: &[(&'static str, String)], length: usize) -> String {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head + "\r\n"
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut first = lines.first()?.split(' ').map(str::to_owned);
    let (method, target) = (first.next()?, first.next()?);
    let headers: Vec<_> = lines[1..].iter().map(|line| line.to_lowercase()).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(Request {
        method,
        target,
        headers,
    })
}
