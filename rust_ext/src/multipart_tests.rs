//! Multipart uploads against the scripted server: nothing is left behind, whatever breaks.

use std::sync::mpsc::channel;
use std::time::Duration;

use crate::digest::Digest;
use crate::error::{PartError, Reason};
use crate::mock_server::{MockServer, Request, Step, empty, failure, object};
use crate::part::{Payload, Receipt, Stored};
use crate::upload_tests::{PART_SIZE, part, session, upload};

/// Two slices and a half.
static BYTES: [u8; 2500] = [b'x'; 2500];

const START: &str = "POST uploads";
const SLICE: &str = "PUT partNumber&uploadId";
const COMPLETE: &str = "POST uploadId";
const ABORT: &str = "DELETE uploadId";

/// What a store does where nothing is wrong.
fn as_usual(request: &Request) -> Step {
    let xml = |text: &str| Step::Answer(200, Vec::new(), text.as_bytes().to_vec());
    match request.call().as_str() {
        "HEAD" => failure(404, ""),
        START => xml("<InitiateMultipartUploadResult><UploadId>id</UploadId>\
             </InitiateMultipartUploadResult>"),
        COMPLETE => xml("<CompleteMultipartUploadResult><ETag>\"tag-3\"</ETag>\
             </CompleteMultipartUploadResult>"),
        ABORT => empty(204),
        _ => empty(200),
    }
}

/// As usual, but for one call.
async fn with(call: &'static str, step: Step) -> (MockServer, Result<Stored, PartError>) {
    run(move |request| {
        if request.call() == call {
            step.clone()
        } else {
            as_usual(request)
        }
    })
    .await
}

async fn run(
    script: impl FnMut(&Request) -> Step + Send + 'static,
) -> (MockServer, Result<Stored, PartError>) {
    let server = MockServer::start(script).await;
    let result = upload(server.address(), part(&BYTES)).await;
    (server, result)
}

#[tokio::test]
async fn slices_are_equal_but_for_the_last() {
    let (server, result) = run(as_usual).await;
    let stored = Stored {
        key: "a/name.ext".to_owned(),
        payload: Payload::plain(2500, Digest::of(&BYTES)),
        receipt: Receipt {
            etag: Some("tag-3".to_owned()),
            version: None,
            checksum: Some("6FAGyJGH3oeVHIQcyEUMcznccRmu2pHimk5qBKUPSVQ=-3".to_owned()),
        },
        created: true,
    };
    assert_eq!(result, Ok(stored));
    let expected = ["HEAD", START, SLICE, SLICE, SLICE, "HEAD", COMPLETE];
    assert_eq!(server.calls(), expected);
    let mut lengths: Vec<u64> = server
        .requests()
        .iter()
        .filter(|request| request.call() == SLICE)
        .flat_map(|request| &request.headers)
        .filter_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [500, PART_SIZE, PART_SIZE]);
}

#[tokio::test]
async fn what_is_asked_for_each_object_is_asked_once() {
    let (server, result) = with(SLICE, failure(500, "InternalError")).await;
    assert!(result.is_err());
    let with = |name: &str| {
        let mut calls: Vec<_> = server
            .requests()
            .iter()
            .filter(|request| request.headers.iter().any(|line| line.starts_with(name)))
            .map(Request::call)
            .collect();
        calls.dedup();
        calls
    };
    assert_eq!(with("x-amz-storage-class: "), [START]);
    assert_eq!(with("x-amz-object-lock-retain-until-date: "), [START]);
    assert_eq!(with("x-amz-of-all: "), ["HEAD", START, SLICE]);
}

#[tokio::test]
async fn a_slice_that_fails_ends_in_an_abort() {
    let (server, result) = with(SLICE, failure(500, "InternalError")).await;
    let error = result.unwrap_err();
    assert_eq!(error.reason(), Reason::StoreFault);
    assert!(
        error
            .message()
            .starts_with("sending a slice of a/name.ext: 500"),
        "{error}"
    );
    assert_eq!(server.calls().last().map(String::as_str), Some(ABORT));
}

#[tokio::test]
async fn the_first_error_is_the_one_that_is_kept() {
    let (server, result) = run(|request| match request.call().as_str() {
        SLICE => failure(403, "AccessDenied"),
        ABORT => failure(500, "InternalError"),
        _ => as_usual(request),
    })
    .await;
    assert_eq!(result.unwrap_err().reason(), Reason::StoreDenied);
    assert!(server.calls().contains(&ABORT.to_owned()));
}

#[tokio::test]
async fn an_error_inside_an_answer_of_200_is_an_error() {
    for (code, reason) in [
        ("InternalError", Reason::StoreFault),
        ("SlowDown", Reason::StoreBusy),
        ("AccessDenied", Reason::StoreDenied),
        ("Unheard", Reason::StoreFault),
    ] {
        let (server, result) = with(COMPLETE, failure(200, code)).await;
        let error = result.unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        assert_eq!(server.calls().last().map(String::as_str), Some(ABORT));
    }
}

#[tokio::test]
async fn a_look_that_is_refused_is_a_matter_of_credentials() {
    let (_server, result) = with("HEAD", Step::Answer(400, Vec::new(), Vec::new())).await;
    assert_eq!(result.unwrap_err().reason(), Reason::StoreDenied);
}

#[tokio::test]
async fn a_completion_that_is_refused_is_not_repeated_without_its_condition() {
    let (server, result) = with(COMPLETE, failure(400, "InvalidPart")).await;
    assert_eq!(result.unwrap_err().reason(), Reason::StoreFault);
    let calls = server.calls();
    assert_eq!(calls.iter().filter(|call| *call == COMPLETE).count(), 1);
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_found() {
    let mut completed = false;
    let (_server, result) = run(move |request| match request.call().as_str() {
        COMPLETE if completed => failure(404, "NoSuchUpload"),
        COMPLETE => {
            completed = true;
            Step::Reset
        }
        "HEAD" | "GET" if completed => object(&BYTES),
        _ => as_usual(request),
    })
    .await;
    assert_eq!(result.unwrap().key, "a/name.ext");
}

#[tokio::test]
async fn a_writer_that_was_faster_is_not_overwritten() {
    let mut sent = 0;
    let (server, result) = run(move |request| match request.call().as_str() {
        SLICE => {
            sent += 1;
            empty(200)
        }
        "HEAD" | "GET" if sent >= 3 && request.target.ends_with("/name.ext") => object(b"other"),
        _ => as_usual(request),
    })
    .await;
    let short = Digest::of(&BYTES).short();
    assert_eq!(result.unwrap().key, format!("a/name.{short}.ext"));
    let completed: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| request.call() == COMPLETE)
        .collect();
    assert_eq!(completed.len(), 1);
    assert!(completed[0].target.contains(&short));
}

#[tokio::test]
async fn a_writer_that_was_faster_than_the_completion_is_not_overwritten() {
    for status in [409, 412] {
        let mut taken = false;
        let (server, result) = run(move |request| match request.call().as_str() {
            COMPLETE if !taken => {
                taken = request.headers.contains(&"if-none-match: *".to_owned());
                failure(status, "")
            }
            "HEAD" | "GET" if taken => object(&BYTES),
            _ => as_usual(request),
        })
        .await;
        let stored = result.unwrap();
        assert_eq!((stored.key.as_str(), stored.created), ("a/name.ext", false));
        assert!(server.calls().contains(&ABORT.to_owned()));
    }
}

#[tokio::test]
async fn a_store_that_knows_no_condition_is_asked_without() {
    for status in [400, 501] {
        let (server, result) = run(move |request| {
            if request.headers.contains(&"if-none-match: *".to_owned()) {
                failure(status, "NotImplemented")
            } else {
                as_usual(request)
            }
        })
        .await;
        assert!(result.unwrap().created);
        assert_eq!(server.calls()[6..], [COMPLETE, COMPLETE]);
    }
}

#[tokio::test]
async fn giving_up_aborts_and_reports_nothing() {
    let (started, wait) = channel();
    let server = MockServer::start(move |request| match request.call().as_str() {
        SLICE => {
            started.send(()).unwrap();
            Step::Hang
        }
        _ => as_usual(request),
    })
    .await;
    let session = session(server.address());
    let outcomes = tokio::task::spawn_blocking(move || {
        assert!(session.submit(vec![part(&BYTES), part(b"small")]));
        wait.recv().unwrap();
        session.close(true);
        assert!(!session.submit(vec![part(b"late")]));
        session.completed(Duration::from_secs(60))
    })
    .await
    .unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.result.as_ref().unwrap().payload.size == 5)
    );
    assert_eq!(server.calls().last().map(String::as_str), Some(ABORT));
}
