//! A token bucket: so many bytes a second, and what was not used of late at once.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes that go through at a rate.
///
/// The time at which all that went before is paid for stands for the tokens. What finds it past
/// goes at once, however large it is, and is paid for by who comes next.
#[derive(Debug)]
pub(crate) struct Bucket {
    burst: Duration,
    rate: Option<u64>,
    paid_at: Instant,
}

impl Bucket {
    /// A bucket without a limit; with one it holds what flows in `burst`.
    pub(crate) fn new(burst: Duration, now: Instant) -> Self {
        Self {
            burst,
            rate: None,
            paid_at: now,
        }
    }

    /// Lets so many bytes a second through from now on, or all; what is owed is paid at the new
    /// rate.
    pub(crate) fn limit(&mut self, rate: Option<u64>, now: Instant) {
        let owed = self.paid_at.saturating_duration_since(now);
        self.paid_at = match (self.rate, rate) {
            (Some(before), Some(rate)) => now + owed.mul_f64(ratio(before, rate)),
            _ => now,
        };
        self.rate = rate;
    }

    /// Whether there is a limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.rate.is_some()
    }

    /// Takes so many bytes; where it is too early for that, returns for how long.
    pub(crate) fn take(&mut self, bytes: u64, now: Instant) -> Option<Duration> {
        let rate = self.rate?;
        let early = self.paid_at.saturating_duration_since(now);
        if !early.is_zero() {
            return Some(early);
        }
        let full = now.checked_sub(self.burst).unwrap_or(now);
        self.paid_at = self.paid_at.max(full) + Duration::from_secs_f64(ratio(bytes, rate));
        None
    }
}

#[allow(clippy::cast_precision_loss)] // 53 bits are enough
fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: Duration = Duration::from_millis(100);

    #[test]
    fn without_a_limit_everything_goes() {
        let now = Instant::now();
        let mut bucket = Bucket::new(BURST, now);
        assert_eq!(bucket.take(u64::MAX, now), None);
        assert_eq!(bucket.take(u64::MAX, now), None);
    }

    #[test]
    fn what_went_is_paid_for_by_the_next() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Duration::ZERO, start);
        bucket.limit(Some(1000), start);
        assert_eq!(bucket.take(5000, start), None);
        assert_eq!(bucket.take(1, start), Some(Duration::from_secs(5)));
        let later = start + Duration::from_secs(4);
        assert_eq!(bucket.take(1, later), Some(Duration::from_secs(1)));
        assert_eq!(bucket.take(1, start + Duration::from_secs(5)), None);
    }

    #[test]
    fn over_a_time_it_is_the_rate_and_a_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(BURST, start);
        bucket.limit(Some(1000), start);
        let mut sent = 0;
        for millisecond in 0..10_000 {
            // A clock that wakes us late: every third millisecond only.
            let now = start + Duration::from_millis(millisecond / 3 * 3);
            while bucket.take(10, now).is_none() {
                sent += 10;
            }
        }
        assert!((10_000..=10_110).contains(&sent), "{sent}");
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(BURST, start);
        bucket.limit(Some(1000), start);
        let now = start + Duration::from_secs(3600);
        assert_eq!(bucket.take(1000, now), None);
        assert_eq!(bucket.take(1, now), Some(Duration::from_millis(900)));
    }

    #[test]
    fn a_new_rate_holds_for_what_is_owed() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Duration::ZERO, now);
        bucket.limit(Some(1000), now);
        assert_eq!(bucket.take(10_000, now), None);
        bucket.limit(Some(10_000), now);
        assert_eq!(bucket.take(1, now), Some(Duration::from_secs(1)));
        bucket.limit(None, now);
        assert_eq!(bucket.take(1, now), None);
    }
}
