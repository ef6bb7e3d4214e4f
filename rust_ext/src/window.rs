//! How many requests may be at the store at once: as many as it takes well.
//!
//! Like TCP's window it doubles until the first sign of trouble, then adds one for each round of
//! answers, and is halved when the store says that it is busy. What was sent before a fall says
//! nothing about the time after it, so one burst of refusals is one fall. Answers that take ever
//! longer make it a tenth smaller a round; they may have other reasons than what we send, so that
//! they never take it below a quarter of the ceiling.

use std::time::Duration;

use pyo3::FromPyObject;
use tokio::time::Instant;

use crate::py::seconds;

/// The numbers of `Pace` in `mailvault/store/pace.py`.
#[derive(Clone, Copy, Debug, FromPyObject)]
pub(crate) struct Pace {
    /// The first window.
    pub(crate) start: usize,
    /// Answers in a round, at the least.
    pub(crate) shortest_round: usize,
    /// Largest body, in bytes, of a request whose latency counts.
    pub(crate) small: usize,
    /// How much longer than the shortest latency is slow, where it is also twice as long.
    #[pyo3(from_py_with = seconds)]
    pub(crate) slow: Duration,
    /// The shortest latency is that of the last one to two of these.
    #[pyo3(from_py_with = seconds)]
    pub(crate) memory: Duration,
    /// How long after its last fall a window counts as held down.
    #[pyo3(from_py_with = seconds)]
    pub(crate) calm: Duration,
    /// How much of a bandwidth that was not used may be used later: timers are late by
    /// milliseconds.
    #[pyo3(from_py_with = seconds)]
    pub(crate) burst: Duration,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It was answered; with its latency where that can be compared.
    Answered(Option<Duration>),
    /// It was not answered in time.
    Late,
    /// The store asks us to slow down.
    Busy,
    /// It says nothing about the load: it failed, or nobody waits for its answer any more.
    Lost,
}

/// Why a window fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The store said that it is busy.
    Busy,
    /// Its answers took ever longer.
    Slow,
}

impl Trouble {
    /// The word for it in Python.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Busy => "store_busy",
            Self::Slow => "latency",
        }
    }
}

/// The window and what moves it.
#[derive(Debug)]
pub(crate) struct Window {
    pace: Pace,
    ceiling: usize,
    size: usize,
    in_flight: usize,
    doubling: bool,
    falls: u64,
    last_fall: Option<(Trouble, Instant)>,
    round: Round,
    shortest: Shortest,
}

#[derive(Debug, Default)]
struct Round {
    answers: usize,
    timed: usize,
    slow: usize,
    was_full: bool,
}

impl Window {
    /// A window that grows up to `ceiling`.
    pub(crate) fn new(pace: Pace, ceiling: usize, now: Instant) -> Self {
        Self {
            ceiling,
            size: pace.start.clamp(1, ceiling),
            in_flight: 0,
            doubling: true,
            falls: 0,
            last_fall: None,
            round: Round::default(),
            shortest: Shortest::new(pace.memory, now),
            pace,
        }
    }

    /// Requests that may be under way.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The most that there may ever be.
    pub(crate) fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// Why the window is smaller than it might be, where it fell a short time ago.
    pub(crate) fn trouble(&self, now: Instant) -> Option<Trouble> {
        self.last_fall
            .filter(|(_, at)| now < *at + self.pace.calm)
            .map(|(trouble, _)| trouble)
    }

    /// Notes that a request is sent; returns what `leave` wants to know.
    pub(crate) fn enter(&mut self) -> u64 {
        self.in_flight += 1;
        self.round.was_full |= self.in_flight >= self.size;
        self.falls
    }

    /// Notes what became of a request.
    pub(crate) fn leave(&mut self, entered: u64, sign: Sign, now: Instant) {
        self.in_flight -= 1;
        if entered != self.falls {
            return;
        }
        let slow = match sign {
            Sign::Lost => return,
            Sign::Busy => return self.fall(self.size / 2, Trouble::Busy, now),
            Sign::Late => Some(true),
            Sign::Answered(latency) => latency.map(|latency| self.is_slow(latency, now)),
        };
        self.round.answers += 1;
        self.round.timed += usize::from(slow.is_some());
        self.round.slow += usize::from(slow == Some(true));
        if self.round.answers >= self.size.max(self.pace.shortest_round) {
            self.end_round(now);
        }
    }

    fn is_slow(&mut self, latency: Duration, now: Instant) -> bool {
        let shortest = self.shortest.note(latency, now);
        latency > (shortest * 2).max(shortest + self.pace.slow)
    }

    /// More than half of a round is its median: neither one slow answer nor one fast one decides.
    fn end_round(&mut self, now: Instant) {
        let round = std::mem::take(&mut self.round);
        if round.slow * 2 > round.timed {
            let least = (self.ceiling / 4).max(1);
            if self.size > least {
                self.fall((self.size * 9 / 10).max(least), Trouble::Slow, now);
            }
        } else if round.was_full {
            let more = if self.doubling { self.size } else { 1 };
            self.size = (self.size + more).min(self.ceiling);
        }
    }

    fn fall(&mut self, size: usize, trouble: Trouble, now: Instant) {
        self.size = size.max(1);
        self.doubling = false;
        self.falls += 1;
        self.last_fall = Some((trouble, now));
        self.round = Round::default();
    }
}

/// The shortest latency of late, forgotten by halves: the way to a store may change.
#[derive(Debug)]
struct Shortest {
    memory: Duration,
    since: Instant,
    before: Duration,
    now: Duration,
}

impl Shortest {
    fn new(memory: Duration, since: Instant) -> Self {
        Self {
            memory,
            since,
            before: Duration::MAX,
            now: Duration::MAX,
        }
    }

    fn note(&mut self, latency: Duration, now: Instant) -> Duration {
        if now >= self.since + self.memory {
            self.before = std::mem::replace(&mut self.now, Duration::MAX);
            self.since = now;
        }
        self.now = self.now.min(latency);
        self.now.min(self.before)
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
pub(crate) mod tests;
