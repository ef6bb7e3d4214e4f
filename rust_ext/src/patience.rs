//! One request, as often as it takes: each attempt waits for its turn, has its time-out, and tells
//! the window what became of it.
//!
//! This is the only place where a request is made again. All of ours may be: a put is made on
//! condition, and a completion that finds its upload gone looks at what is there. A multipart upload
//! that is started twice, since the first answer was lost, leaves one to `store/leftovers.py`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::TryStreamExt as _;
use http::header::{CONTENT_LENGTH, HeaderMap, RETRY_AFTER};
use http::{Method, StatusCode};
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use pyo3::FromPyObject;
use tokio::time::{Instant, error::Elapsed, sleep, timeout};

use crate::pace::Pacer;
use crate::py::seconds;
use crate::window::Sign;

/// Bytes of an answer that is no object; S3's are far shorter.
const LONGEST_ANSWER: usize = 1 << 20;

/// Errors inside an answer of 200 that stand for another status than 500.
const INSIDE: [(&str, StatusCode); 5] = [
    ("SlowDown", StatusCode::SERVICE_UNAVAILABLE),
    ("AccessDenied", StatusCode::FORBIDDEN),
    ("NoSuchUpload", StatusCode::NOT_FOUND),
    ("PreconditionFailed", StatusCode::PRECONDITION_FAILED),
    ("ConditionalRequestConflict", StatusCode::CONFLICT),
];

/// The numbers of `Patience` in `mailvault/store/pace.py`.
#[derive(Clone, Debug, FromPyObject)]
pub(crate) struct Patience {
    /// For an answer, beside the time that the request's bytes may take.
    #[pyo3(from_py_with = seconds)]
    pub(crate) answer: Duration,
    /// Bytes a second, at the least.
    pub(crate) slowest: u32,
    /// Attempts after the first.
    pub(crate) retries: u32,
    /// After which no attempt is made any more, beside the time that the request's bytes may take;
    /// what it waited for its turn does not count.
    #[pyo3(from_py_with = seconds)]
    pub(crate) total: Duration,
    /// The longest pause before the first retry; doubles each time.
    #[pyo3(from_py_with = seconds)]
    pub(crate) first_pause: Duration,
    /// The longest pause.
    #[pyo3(from_py_with = seconds)]
    pub(crate) longest_pause: Duration,
}

impl Patience {
    /// How long so many bytes may take.
    fn transfer(&self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(bytes) / f64::from(self.slowest))
    }

    /// How long to wait before a retry: what the store asks for, and a part, drawn by lot, of a
    /// time that doubles, so that not all who wait come back at once.
    fn pause(&self, retry: u32, lot: f64, asked: Duration) -> Duration {
        let longest = self.first_pause.saturating_mul(2_u32.saturating_pow(retry));
        asked + longest.min(self.longest_pause).mul_f64(lot)
    }
}

/// Sends requests on, at their pace and with patience.
#[derive(Debug)]
pub(crate) struct Patient {
    inner: HttpClient,
    patience: Patience,
    pacer: Arc<Pacer>,
}

#[async_trait]
impl HttpService for Patient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let most = self.patience.total + self.patience.transfer(request.body().content_length());
        let mut spent = Duration::ZERO;
        let mut retry = 0;
        loop {
            let (answer, took) = self.attempt(request.clone()).await;
            let Some(asked) = wish(&answer) else {
                return answer;
            };
            let pause = self.patience.pause(retry, lot(), asked);
            spent += took + pause;
            if retry >= self.patience.retries || spent > most {
                return answer;
            }
            sleep(pause).await;
            retry += 1;
        }
    }
}

impl Patient {
    /// Before `inner`.
    pub(crate) fn new(inner: HttpClient, patience: Patience, pacer: Arc<Pacer>) -> Self {
        Self {
            inner,
            patience,
            pacer,
        }
    }

    async fn attempt(&self, request: HttpRequest) -> (Result<HttpResponse, HttpError>, Duration) {
        let bytes = request.body().content_length();
        // An abort is for when the store is at its worst, and must not wait for its turn then.
        let slot = match *request.method() {
            Method::DELETE => None,
            _ => Some(self.pacer.enter(bytes as u64).await),
        };
        let started = Instant::now();
        let answer = self.exchange(request, bytes).await;
        let took = started.elapsed();
        if let Some(slot) = slot {
            slot.leave(match &answer {
                Ok(answer) if is_busy(answer.status()) => Sign::Busy,
                Ok(answer) if answer.status().is_server_error() => Sign::Lost,
                Ok(_) => Sign::Answered(self.pacer.is_small(bytes).then_some(took)),
                Err(error) if error.kind() == HttpErrorKind::Timeout => Sign::Late,
                Err(_) => Sign::Lost,
            });
        }
        (answer, took)
    }

    /// One attempt; its answer is complete, unless it is an object.
    async fn exchange(
        &self,
        request: HttpRequest,
        bytes: usize,
    ) -> Result<HttpResponse, HttpError> {
        let method = request.method().clone();
        let sending = self.inner.execute(request);
        let most = self.patience.answer + self.patience.transfer(bytes);
        let answer = timeout(most, sending).await.map_err(late)??;
        let nothing = answer
            .headers()
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length == "0");
        if nothing
            || method == Method::HEAD
            || method == Method::GET && answer.status().is_success()
        {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let body = self.read(body).await?;
        if head.status.is_success()
            && let Some(error) = error_inside(&body)
        {
            head.status = error;
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }

    /// Reads a short body. A store that is long about completing an upload sends a space now and
    /// then, so that the time-out is for each piece.
    async fn read(&self, body: HttpResponseBody) -> Result<Bytes, HttpError> {
        let mut stream = body.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = timeout(self.patience.answer, stream.try_next())
            .await
            .map_err(late)??
        {
            bytes.extend_from_slice(&piece);
            if bytes.len() > LONGEST_ANSWER {
                let error = std::io::Error::other("it is not an answer of S3: it does not end");
                return Err(HttpError::new(HttpErrorKind::Decode, error));
            }
        }
        Ok(bytes.into())
    }
}

fn late(elapsed: Elapsed) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, elapsed)
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS
}

/// S3 begins to answer a completion before it knows its end; an error stands in the body then.
fn error_inside(body: &[u8]) -> Option<StatusCode> {
    let text = std::str::from_utf8(body).ok()?;
    let has = |code| text.contains(&format!("<Code>{code}</Code>"));
    text.contains("<Error>").then(|| {
        let known = INSIDE.iter().find(|(code, _)| has(*code));
        known.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status)
    })
}

/// How long the store wants to be left alone by a request that may be made again; None for one
/// that may not.
fn wish(answer: &Result<HttpResponse, HttpError>) -> Option<Duration> {
    match answer {
        Ok(answer) => matches!(answer.status().as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            .then(|| retry_after(answer.headers(), SystemTime::now()).unwrap_or_default()),
        Err(error) => matches!(
            error.kind(),
            HttpErrorKind::Connect
                | HttpErrorKind::Request
                | HttpErrorKind::Interrupted
                | HttpErrorKind::Timeout
        )
        .then_some(Duration::ZERO),
    }
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = SystemTime::from(DateTime::parse_from_rfc2822(text).ok()?);
    date.duration_since(now).ok()
}

/// A number between 0 and 1.
fn lot() -> f64 {
    let mut bytes = [0; 4];
    // Without a random number everybody waits the longest; that is as good.
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Patient for a few seconds, and hardly waiting before it tries again.
    pub(crate) const PATIENCE: Patience = Patience {
        answer: Duration::from_millis(500),
        slowest: 64 * 1024,
        retries: 2,
        total: Duration::from_secs(10),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
    };

    #[test]
    fn time_outs_grow_with_the_bytes() {
        let seconds = |bytes| PATIENCE.transfer(bytes).as_secs_f64();
        assert!(seconds(0).abs() < 0.001);
        assert!((seconds(8 << 20) - 128.0).abs() < 0.001);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_drawn_by_lot() {
        let patience = Patience {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5),
            ..PATIENCE
        };
        let pause = |retry, lot| patience.pause(retry, lot, Duration::ZERO).as_millis();
        let pauses = |lot| [0, 1, 2, 3, 40].map(|retry| pause(retry, lot));
        assert_eq!(pauses(1.0), [1000, 2000, 4000, 5000, 5000]);
        assert_eq!(pauses(0.5), [500, 1000, 2000, 2500, 2500]);
        assert_eq!(pauses(0.0), [0; 5]);
        let asked = Duration::from_secs(7);
        assert_eq!(patience.pause(0, 0.5, asked).as_millis(), 7500);
    }

    #[test]
    fn a_lot_is_between_nothing_and_all() {
        let lots: Vec<_> = (0..100).map(|_| lot()).collect();
        assert!(lots.iter().all(|lot| (0.0..=1.0).contains(lot)));
        assert!(lots.iter().any(|lot| *lot < 0.5) && lots.iter().any(|lot| *lot > 0.5));
    }

    #[test]
    fn what_the_store_wishes_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_420);
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:26:00 GMT", None), // over already
            ("-7", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            let found = retry_after(&headers, now).map(|wait| wait.as_secs());
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
