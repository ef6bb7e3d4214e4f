//! What a request waits for before it is sent: its bytes for the bandwidth, and then a place among
//! those that may be at the store at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use crate::bucket::Bucket;
use crate::window::{Pace, Sign, Trouble, Window};

/// The pace of all requests of a session.
#[derive(Debug)]
pub(crate) struct Pacer {
    small: usize,
    slots: Semaphore,
    gate: Mutex<Gate>,
    bucket: Mutex<Bucket>,
    first_in_line: tokio::sync::Mutex<()>,
    limit_changed: Notify,
}

#[derive(Debug)]
struct Gate {
    window: Window,
    /// Permits that there are, in the semaphore or in somebody's hands.
    permits: usize,
}

impl Pacer {
    /// For `ceiling` requests at once at the most; without a limit to the bandwidth.
    pub(crate) fn new(pace: Pace, ceiling: usize) -> Self {
        let now = Instant::now();
        let bucket = Bucket::new(pace.burst, now);
        let window = Window::new(pace, ceiling, now);
        let permits = window.size();
        Self {
            small: pace.small,
            slots: Semaphore::new(permits),
            gate: Mutex::new(Gate { window, permits }),
            bucket: Mutex::new(bucket),
            first_in_line: tokio::sync::Mutex::new(()),
            limit_changed: Notify::new(),
        }
    }

    /// Requests that may be at the store now, how many that may ever be, and why it is fewer.
    pub(crate) fn window(&self) -> (usize, usize, Option<Trouble>) {
        let window = &lock(&self.gate).window;
        let trouble = window.trouble(Instant::now());
        (window.size(), window.ceiling(), trouble)
    }

    /// Whether the latency of a request with so many bytes can be compared with that of others.
    pub(crate) fn is_small(&self, bytes: usize) -> bool {
        bytes <= self.small
    }

    /// Sends so many bytes a second from now on, or as many as there are.
    pub(crate) fn limit(&self, bytes_per_second: Option<u64>) {
        lock(&self.bucket).limit(bytes_per_second, Instant::now());
        self.limit_changed.notify_one();
    }

    /// Waits until `bytes` may be sent, and a request may; whoever came first goes first.
    pub(crate) async fn enter(&self, bytes: u64) -> Slot<'_> {
        if bytes > 0 && lock(&self.bucket).is_limited() {
            let _first = self.first_in_line.lock().await;
            while let Some(wait) = self.too_early(bytes) {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.limit_changed.notified() => {}
                }
            }
        }
        // The semaphore is never closed.
        let permit = self.slots.acquire().await.ok();
        Slot {
            pacer: self,
            permit,
            entered: lock(&self.gate).window.enter(),
            sign: Sign::Lost,
        }
    }

    fn too_early(&self, bytes: u64) -> Option<Duration> {
        lock(&self.bucket).take(bytes, Instant::now())
    }

    fn leave(&self, slot: &mut Slot<'_>) {
        let mut gate = lock(&self.gate);
        gate.window.leave(slot.entered, slot.sign, Instant::now());
        let size = gate.window.size();
        if let Some(permit) = slot.permit.take()
            && gate.permits > size
        {
            permit.forget();
            gate.permits -= 1;
        }
        if gate.permits > size {
            gate.permits -= self.slots.forget_permits(gate.permits - size);
        } else {
            self.slots.add_permits(size - gate.permits);
            gate.permits = size;
        }
    }
}

/// A request's place among those at the store, free again when it is dropped.
pub(crate) struct Slot<'a> {
    pacer: &'a Pacer,
    permit: Option<SemaphorePermit<'a>>,
    entered: u64,
    sign: Sign,
}

impl Slot<'_> {
    /// Gives the place back and tells what became of the request.
    pub(crate) fn leave(mut self, sign: Sign) {
        self.sign = sign;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.pacer.leave(self);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::window::tests::PACE;

    #[tokio::test]
    async fn as_many_are_let_in_as_the_window_says() {
        let pacer = Pacer::new(PACE, 4);
        let mut inside = Vec::new();
        for _ in 0..4 {
            inside.push(pacer.enter(0).await);
        }
        assert!(pacer.enter(0).now_or_never().is_none());
        inside.pop().unwrap().leave(Sign::Busy);
        assert_eq!(pacer.window(), (2, 4, Some(Trouble::Busy)));
        for left in [2, 1] {
            assert!(pacer.enter(0).now_or_never().is_none(), "{left} too many");
            inside.pop().unwrap().leave(Sign::Busy); // sent before the fall
        }
        let second = pacer.enter(0).now_or_never();
        assert!(second.is_some());
        assert_eq!(pacer.window().0, 2);
    }

    #[tokio::test]
    async fn who_waits_does_not_get_in_by_a_permit_that_is_gone() {
        let pacer = Pacer::new(PACE, 2);
        let (first, second) = (pacer.enter(0).await, pacer.enter(0).await);
        let mut waiting = Box::pin(pacer.enter(0));
        assert!(waiting.as_mut().now_or_never().is_none());
        first.leave(Sign::Busy);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(second);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_new_limit_is_told_to_who_waits() {
        let pacer = Pacer::new(PACE, 4);
        pacer.limit(Some(1));
        drop(pacer.enter(1_000_000).await);
        let mut waiting = Box::pin(pacer.enter(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        pacer.limit(None);
        let soon = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert!(soon.is_ok());
    }
}
