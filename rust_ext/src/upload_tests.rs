//! Uploads against the scripted server: what is sent, what is reported, what is left behind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, Checksum};

use crate::client;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::encoding::tests::encoded;
use crate::error::{PartError, Reason};
use crate::headers::ObjectHeaders;
use crate::mock_server::{MockServer, Request, Step, empty, failure, object, object_headers};
use crate::pace::Pacer;
use crate::part::{Original, Part, Payload, Receipt, Source, Stored};
use crate::patience::Patience;
use crate::patience::tests::PATIENCE;
use crate::session::{Limits, Session};
use crate::window::tests::PACE;

pub(crate) const PART_SIZE: u64 = 1000;

/// A session at the server.
pub(crate) fn session(address: &str) -> Session {
    session_with(address, 4, PATIENCE)
}

pub(crate) fn session_with(address: &str, concurrency: usize, patience: Patience) -> Session {
    let store = AmazonS3Builder::new()
        .with_endpoint(address)
        .with_bucket_name("bucket")
        .with_region("us-east-1")
        .with_access_key_id("id")
        .with_secret_access_key("a-secret")
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(
            ClientOptions::new()
                .with_allow_http(true)
                .with_timeout_disabled(),
        );
    let limits = Limits {
        concurrency,
        max_bytes: 4 * PART_SIZE,
        part_size: PART_SIZE,
        slices: 2,
        answer: patience.answer,
    };
    let pacer = Arc::new(Pacer::new(PACE, concurrency));
    let credentials = store.clone().build().unwrap().credentials().clone();
    let store = client::ours(store, credentials, headers(), patience, Arc::clone(&pacer))
        .build()
        .unwrap();
    Session::open(Arc::new(store), &limits, pacer).unwrap()
}

/// What every object of a session asks for.
fn headers() -> ObjectHeaders {
    let header = |name, value| HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
    ObjectHeaders {
        creating: header("x-amz-storage-class", HeaderValue::from_static("COLD")),
        touching: header("x-amz-of-all", HeaderValue::from_static("key")),
        locked_days: Some(1),
    }
}

pub(crate) fn part(bytes: &'static [u8]) -> Part {
    Part {
        number: 7,
        key: "a/name.ext".to_owned(),
        source: Source::Memory(Bytes::from_static(bytes)),
        content_type: "text/plain".to_owned(),
        disposition: None,
        metadata: vec![("mailvault-email".to_owned(), "1".to_owned())],
        encoding: None,
        exact: false,
    }
}

/// Uploads one part and ends the session, so that what it leaves behind has been sent.
pub(crate) async fn upload(address: &str, part: Part) -> Result<Stored, PartError> {
    let session = session(address);
    tokio::task::spawn_blocking(move || {
        assert!(session.submit(vec![part]));
        session.close(false);
        let mut outcomes = session.completed(Duration::ZERO);
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].number, 7);
        outcomes.remove(0).result
    })
    .await
    .unwrap()
}

/// Answers with the steps in turn, and the last one ever after.
fn in_turn(mut steps: Vec<Step>) -> impl FnMut(&Request) -> Step {
    steps.reverse();
    move |_| {
        if steps.len() > 1 {
            steps.pop().unwrap()
        } else {
            steps[0].clone()
        }
    }
}

async fn whole(answers: Vec<Step>) -> (MockServer, Result<Stored, PartError>) {
    steps(answers, part(b"abc")).await
}

async fn steps(answers: Vec<Step>, part: Part) -> (MockServer, Result<Stored, PartError>) {
    let server = MockServer::start(in_turn(answers)).await;
    let result = upload(server.address(), part).await;
    (server, result)
}

#[tokio::test]
async fn a_small_part_is_one_conditional_put() {
    let (server, result) = whole(vec![empty(200)]).await;
    let stored = Stored {
        key: "a/name.ext".to_owned(),
        payload: Payload::plain(3, Digest::of(b"abc")),
        receipt: Receipt {
            etag: Some("tag".to_owned()),
            ..Receipt::default()
        },
        created: true,
    };
    assert_eq!(result, Ok(stored));
    let [request] = &server.requests()[..] else {
        panic!("more than one request")
    };
    for header in [
        "if-none-match: *",
        "content-type: text/plain",
        "x-amz-meta-mailvault-email: 1",
        "x-amz-storage-class: COLD",
        "x-amz-of-all: key",
        "x-amz-checksum-sha256: ungwv48bz+pbqudexa4ii7adyaowf3qctbd/yfiafa0=",
    ] {
        let sent = request
            .headers
            .iter()
            .any(|line| line.eq_ignore_ascii_case(header));
        assert!(sent, "{header} in {:?}", request.headers);
    }
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    let (server, result) = whole(vec![failure(503, "SlowDown"), empty(200)]).await;
    assert!(result.unwrap().created);
    assert_eq!(server.calls(), ["PUT", "PUT"]);
}

#[tokio::test]
async fn faults_have_their_reasons() {
    for (step, reason, line) in [
        (
            failure(503, "SlowDown"),
            Reason::StoreBusy,
            "503 SlowDown: scripted",
        ),
        (
            failure(500, "InternalError"),
            Reason::StoreFault,
            "500 InternalError: scripted",
        ),
        (
            failure(403, "AccessDenied"),
            Reason::StoreDenied,
            "403 AccessDenied: scripted",
        ),
        (
            failure(404, "NoSuchBucket"),
            Reason::BucketMissing,
            "404 NoSuchBucket: scripted",
        ),
        (
            failure(400, "BadDigest"),
            Reason::Damaged,
            "400 BadDigest: scripted",
        ),
        (
            failure(400, "EntityTooLarge"),
            Reason::StoreRefused,
            "400 EntityTooLarge: scripted",
        ),
        (
            failure(400, "KMS.DisabledException"),
            Reason::StoreDenied,
            "400 KMS.DisabledException: scripted",
        ),
        (
            failure(501, "NotImplemented"),
            Reason::StoreUnable,
            "501 NotImplemented: scripted",
        ),
        (empty(301), Reason::BucketMissing, "redirect"),
        (Step::Hang, Reason::StoreFault, "no answer in time"),
        (
            Step::Reset,
            Reason::StoreUnreachable,
            "the connection went away",
        ),
    ] {
        let (_server, result) = whole(vec![step]).await;
        let error = result.unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        assert!(
            error.message().starts_with("storing a/name.ext: "),
            "{error}"
        );
        assert!(error.message().contains(line), "{error}");
        for secret in ["http:", "a-secret", "Signature", "{"] {
            assert!(!error.message().contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = upload(&address, part(b"abc")).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StoreUnreachable);
    assert!(error.message().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn a_reset_in_the_middle_is_made_good() {
    let (server, result) = whole(vec![Step::Reset, empty(200)]).await;
    assert!(result.unwrap().created);
    assert_eq!(server.calls(), ["PUT", "PUT"]);
}

#[tokio::test]
async fn the_same_bytes_at_the_key_count_as_stored() {
    for status in [412, 409] {
        let (server, result) = whole(vec![empty(status), object(b"abc")]).await;
        let stored = result.unwrap();
        assert_eq!(
            (stored.created, stored.receipt.etag.as_deref()),
            (false, Some("there"))
        );
        assert_eq!(server.calls(), ["PUT", "GET"]);
    }
}

#[tokio::test]
async fn other_bytes_at_the_key_are_left_alone() {
    for other in [&b"xyz"[..], b"longer"] {
        let (_server, result) = whole(vec![empty(412), object(other), empty(200)]).await;
        let stored = result.unwrap();
        assert_eq!(
            (stored.key.as_str(), stored.created),
            ("a/name.ba7816bf8f01.ext", true)
        );
    }
    let taken = vec![empty(412), object(b"xyz"), empty(412), object(b"xyz")];
    let (_server, result) = whole(taken).await;
    assert_eq!(result.unwrap_err().reason(), Reason::KeyTaken);
}

#[tokio::test]
async fn a_conflict_with_a_writer_under_way_is_tried_again() {
    let missing = || failure(404, "NoSuchKey");
    let (server, result) = whole(vec![empty(409), missing(), empty(200)]).await;
    assert!(result.unwrap().created);
    assert_eq!(server.calls(), ["PUT", "GET", "PUT"]);
    let for_ever = |request: &Request| match request.method.as_str() {
        "PUT" => empty(409),
        _ => failure(404, "NoSuchKey"),
    };
    let server = MockServer::start(for_ever).await;
    let error = upload(server.address(), part(b"abc")).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StoreFault);
}

#[tokio::test]
async fn what_is_read_back_truncated_proves_nothing() {
    let cut = Step::Truncated(object_headers(), b"abc".to_vec());
    let (_server, result) = whole(vec![empty(412), cut]).await;
    assert!(result.unwrap_err().reason().retryable());
}

#[tokio::test]
async fn what_breaks_off_while_it_is_read_back_is_read_on() {
    let cut = Step::Truncated(object_headers(), b"abcd".to_vec());
    let mut headers = object_headers();
    headers.push(("content-range", "bytes 2-3/4".to_owned()));
    let rest = Step::Answer(206, headers, b"cd".to_vec());
    let server = MockServer::start(in_turn(vec![empty(412), cut, rest])).await;
    let stored = upload(server.address(), part(b"abcd")).await.unwrap();
    assert!(!stored.created);
    let asked = server.requests().remove(2).headers;
    assert!(asked.contains(&"range: bytes=2-".to_owned()), "{asked:?}");
    assert!(
        asked.contains(&"if-match: \"there\"".to_owned()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_header_that_is_not_one_line_is_refused() {
    let server = MockServer::start(|_| empty(200)).await;
    for content_type in ["text/html\r\nx: y", "tëxt"] {
        let mut part = part(b"abc");
        part.content_type = content_type.to_owned();
        let error = upload(server.address(), part).await.unwrap_err();
        assert_eq!(error.reason(), Reason::StoreRefused);
    }
    assert!(server.calls().is_empty());
}

static TEXT: [u8; 900] = [b'x'; 900];

fn compressed(encoding: Encoding) -> Part {
    Part {
        encoding: Some(encoding),
        ..part(&TEXT)
    }
}

#[tokio::test]
async fn a_compressed_part_says_so() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let server = MockServer::start(|_| empty(200)).await;
        let stored = upload(server.address(), compressed(encoding)).await;
        let payload = stored.unwrap().payload;
        let sent = encoded(encoding, &TEXT);
        let expected = Payload {
            size: sent.len() as u64,
            digest: Digest::of(&sent),
            original: Some(Original {
                encoding,
                size: 900,
                digest: Digest::of(&TEXT),
            }),
        };
        assert_eq!(payload, expected);
        let headers = server.requests().remove(0).headers;
        let header = format!("content-encoding: {}", encoding.word());
        assert!(headers.contains(&header), "{headers:?}");
    }
}

#[tokio::test]
async fn what_is_there_is_decompressed_and_compared() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let bytes = encoded(encoding, &TEXT);
        let mut headers = object_headers();
        headers.push(("content-encoding", encoding.word().to_owned()));
        for wanted in [
            part(&TEXT),
            compressed(Encoding::Gzip),
            compressed(Encoding::Zstd),
        ] {
            let there = Step::Answer(200, headers.clone(), bytes.clone());
            let (_server, result) = steps(vec![empty(412), there], wanted).await;
            let stored = result.unwrap();
            assert!(!stored.created);
            assert_eq!(stored.payload.encoding(), Some(encoding));
            assert_eq!(stored.payload.digest, Digest::of(&bytes));
        }
        let damaged = Step::Answer(200, headers, bytes[..bytes.len() - 1].to_vec());
        let wanted = compressed(encoding);
        let (_server, result) = steps(vec![empty(412), damaged, empty(200)], wanted).await;
        let key = format!("a/name.{}.ext", Digest::of(&TEXT).short());
        assert_eq!(result.unwrap().key, key);
    }
}
