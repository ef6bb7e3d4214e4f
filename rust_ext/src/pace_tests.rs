//! Retries, time-outs and the window against the scripted server.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::Reason;
use crate::mock_server::{MockServer, Request, Step, empty, failure};
use crate::patience::Patience;
use crate::patience::tests::PATIENCE;
use crate::session::Session;
use crate::upload_tests::{part, session, session_with, upload};
use crate::window::Trouble;

fn retry_after(status: u16, wish: &str) -> Step {
    Step::Answer(status, vec![("retry-after", wish.to_owned())], Vec::new())
}

/// Uploads many parts at once; returns how many were stored.
async fn upload_all(session: &Arc<Session>, count: usize) -> usize {
    let session = Arc::clone(session);
    tokio::task::spawn_blocking(move || {
        assert!(session.submit((0..count).map(|_| part(b"abc")).collect()));
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            outcomes.extend(session.completed(Duration::from_secs(10)));
        }
        outcomes
            .iter()
            .filter(|outcome| outcome.result.is_ok())
            .count()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_store_is_left_alone_as_long_as_it_asks() {
    let mut answered = false;
    let server = MockServer::start(move |_| {
        if std::mem::replace(&mut answered, true) {
            empty(200)
        } else {
            retry_after(503, "1")
        }
    })
    .await;
    let started = Instant::now();
    assert!(
        upload(server.address(), part(b"abc"))
            .await
            .unwrap()
            .created
    );
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.calls(), ["PUT", "PUT"]);
}

#[tokio::test]
async fn what_would_take_too_long_is_not_waited_for() {
    let server = MockServer::start(|_| retry_after(503, "3600")).await;
    let error = upload(server.address(), part(b"abc")).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StoreBusy);
    assert_eq!(server.calls(), ["PUT"]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_rest_is_not() {
    for (status, attempts) in [
        (429, 3),
        (500, 3),
        (502, 3),
        (503, 3),
        (504, 3),
        (400, 1),
        (403, 1),
        (501, 1),
        (507, 1),
    ] {
        let server = MockServer::start(move |_| empty(status)).await;
        assert!(upload(server.address(), part(b"abc")).await.is_err());
        assert_eq!(server.calls().len(), attempts, "{status}");
    }
}

#[tokio::test]
async fn a_slow_store_gets_the_time_that_the_bytes_may_take() {
    let patience = Patience {
        answer: Duration::from_millis(50),
        slowest: 1, // 900 bytes: a quarter of an hour
        ..PATIENCE
    };
    let server = MockServer::start(|_| {
        std::thread::sleep(Duration::from_millis(300));
        empty(200)
    })
    .await;
    let session = Arc::new(session_with(server.address(), 1, patience));
    let stored = tokio::task::spawn_blocking(move || {
        assert!(session.submit(vec![part(&[b'x'; 900])]));
        session.completed(Duration::from_secs(10)).remove(0).result
    });
    assert!(stored.await.unwrap().is_ok());
    assert_eq!(server.calls(), ["PUT"]);
}

#[tokio::test]
async fn the_window_falls_and_climbs_again() {
    let busy = Arc::new(Mutex::new(true));
    let script = {
        let busy = Arc::clone(&busy);
        move |_: &Request| {
            if *busy.lock().unwrap() {
                failure(503, "SlowDown")
            } else {
                empty(200)
            }
        }
    };
    let server = MockServer::start(script).await;
    let session = Arc::new(session_with(server.address(), 16, PATIENCE));
    assert_eq!(session.pacer().window(), (16, 16, None));
    assert_eq!(upload_all(&session, 64).await, 0);
    let (size, _, trouble) = session.pacer().window();
    assert_eq!((size, trouble), (1, Some(Trouble::Busy)));
    *busy.lock().unwrap() = false;
    assert_eq!(upload_all(&session, 400).await, 400);
    assert_eq!(session.pacer().window().0, 16);
}

#[tokio::test]
async fn bytes_go_no_faster_than_the_limit() {
    let server = MockServer::start(|_| empty(200)).await;
    let session = Arc::new(session(server.address()));
    session.pacer().limit(Some(60));
    let started = Instant::now();
    assert_eq!(upload_all(&session, 20).await, 20); // of three bytes each
    assert!(started.elapsed() >= Duration::from_millis(800));
    session.pacer().limit(None);
}
