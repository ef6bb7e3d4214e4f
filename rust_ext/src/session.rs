//! Many uploads at once: their threads, their bounds, their outcomes and their end.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use object_store::ObjectStore;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::Budget;
use crate::error::{PartError, Reason};
use crate::pace::Pacer;
use crate::part::{Outcome, Part};
use crate::upload::Target;

/// Threads that run uploads; one is enough for 10,000 small objects a second.
const THREADS: usize = 2;

/// Threads that read and hash files.
const READERS: usize = 8;

/// How long outcomes gather once the first is in: to fetch each alone would cost more than to
/// upload it.
const GATHER: Duration = Duration::from_millis(4);

/// How long giving up may take, aborts at the store included.
const ABORT_TIMEOUT: Duration = Duration::from_secs(15);

/// What bounds a session.
pub(crate) struct Limits {
    /// Parts in flight.
    pub(crate) concurrency: usize,
    /// Bytes of files in memory.
    pub(crate) max_bytes: u64,
    /// Largest part that is sent in one request, and smallest slice of one that is not.
    pub(crate) part_size: u64,
    /// Slices of one part that are under way at once.
    pub(crate) slices: usize,
    /// How long a stretch of an object that is read back may let us wait.
    pub(crate) answer: Duration,
}

/// An open uploader. Dropping it gives up what is under way without waiting.
pub(crate) struct Session {
    runtime: Mutex<Option<Runtime>>,
    target: Arc<Target>,
    queue: Arc<Mutex<Queue>>,
    concurrency: usize,
    pacer: Arc<Pacer>,
    cancel: CancellationToken,
    sender: Mutex<Option<Sender<Outcome>>>,
    receiver: Mutex<Receiver<Outcome>>,
}

/// Parts that nobody is at yet, and how many tasks take them from here.
#[derive(Default)]
struct Queue {
    parts: VecDeque<Part>,
    tasks: usize,
}

impl Session {
    /// Starts the threads.
    pub(crate) fn open(
        store: Arc<dyn ObjectStore>,
        limits: &Limits,
        pacer: Arc<Pacer>,
    ) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(READERS)
            .thread_name("mailvault-upload")
            .enable_all()
            .build()?;
        let (sender, receiver) = channel();
        let target = Target {
            store,
            budget: Budget::new(limits.max_bytes),
            part_size: limits.part_size,
            slices: limits.slices,
            answer: limits.answer,
            tracker: TaskTracker::new(),
        };
        Ok(Self {
            runtime: Mutex::new(Some(runtime)),
            target: Arc::new(target),
            queue: Arc::default(),
            concurrency: limits.concurrency,
            pacer,
            cancel: CancellationToken::new(),
            sender: Mutex::new(Some(sender)),
            receiver: Mutex::new(receiver),
        })
    }

    /// The pace of its requests.
    pub(crate) fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// Takes parts over and returns at once; false where the session is closed.
    pub(crate) fn submit(&self, parts: Vec<Part>) -> bool {
        let runtime = lock(&self.runtime);
        let (Some(runtime), Some(sender)) = (&*runtime, &*lock(&self.sender)) else {
            return false;
        };
        let mut queue = lock(&self.queue);
        queue.parts.extend(parts);
        // A task for each part would wait for its turn with all that an upload may need.
        let tasks = self.concurrency.min(queue.tasks + queue.parts.len());
        for _ in queue.tasks..tasks {
            let (target, queue) = (Arc::clone(&self.target), Arc::clone(&self.queue));
            let work = work(target, queue, sender.clone());
            let bounded = self.cancel.clone().run_until_cancelled_owned(work);
            self.target.tracker.spawn_on(bounded, runtime.handle());
        }
        queue.tasks = tasks;
        true
    }

    /// Waits for the first outcome, and a moment longer where there are more to come; returns all
    /// that are in.
    pub(crate) fn completed(&self, timeout: Duration) -> Vec<Outcome> {
        let receiver = lock(&self.receiver);
        let mut outcomes: Vec<_> = receiver.recv_timeout(timeout).into_iter().collect();
        if !outcomes.is_empty() && !timeout.is_zero() && !self.target.tracker.is_empty() {
            std::thread::sleep(GATHER.min(timeout));
        }
        outcomes.extend(receiver.try_iter());
        outcomes
    }

    /// Waits until everything under way has ended, or with `abort` gives it up; then ends the
    /// threads. Another thread may call it with `abort` while one waits.
    pub(crate) fn close(&self, abort: bool) {
        lock(&self.sender).take();
        self.target.tracker.close();
        let handle = match &*lock(&self.runtime) {
            Some(runtime) => runtime.handle().clone(),
            None => return,
        };
        let ended = self.target.tracker.wait();
        if abort {
            self.cancel.cancel();
            handle.block_on(async {
                // What a dead store does not let us abort is left to the bucket's lifecycle rule.
                drop(tokio::time::timeout(ABORT_TIMEOUT, ended).await);
            });
        } else {
            handle.block_on(ended);
        }
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

/// Uploads parts until the queue is empty.
async fn work(target: Arc<Target>, queue: Arc<Mutex<Queue>>, sender: Sender<Outcome>) {
    while let Some(part) = next(&queue) {
        // The receiver goes with the session; then nobody asks any more.
        let _ = sender.send(upload(&target, part).await);
    }
}

/// The next part; None ends the task that asks.
fn next(queue: &Mutex<Queue>) -> Option<Part> {
    let mut queue = lock(queue);
    let part = queue.parts.pop_front();
    queue.tasks -= usize::from(part.is_none());
    part
}

/// Uploads one part. A panic is an outcome too: a part without one would be waited for until its
/// lease ends.
async fn upload(target: &Target, part: Part) -> Outcome {
    let number = part.number;
    let result = AssertUnwindSafe(target.upload(part))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(PartError::new(Reason::StoreFault, "the uploader panicked")));
    Outcome { number, result }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
