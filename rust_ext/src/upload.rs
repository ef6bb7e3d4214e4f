//! One part to one object: nothing is overwritten, and what is there already counts if it is equal.

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{Attribute, Attributes, Error, ObjectStore, PutMode, PutOptions, PutPayload};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::budget::Budget;
use crate::checksum::knowing;
use crate::classify::classify;
use crate::content::Content;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::error::{PartError, Reason, name};
use crate::existing::{Holder, compare, describe};
use crate::key;
use crate::multipart::Multipart;
use crate::part::{Part, Payload, Receipt, Stored};

/// How often a key is tried where another writer is at it.
const ATTEMPTS: u32 = 4;

/// Before the second attempt; doubles each time.
const BACKOFF: Duration = Duration::from_millis(100);

/// Where parts go, and within which bounds.
pub(crate) struct Target {
    /// The bucket.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Bytes of files that may be in memory.
    pub(crate) budget: Budget,
    /// Largest part that is sent in one request, and smallest slice of one that is not.
    pub(crate) part_size: u64,
    /// Slices of one part that are under way at once.
    pub(crate) slices: usize,
    /// How long a stretch of an object that is read back may let us wait.
    pub(crate) answer: Duration,
    /// Everything that must end before the session does.
    pub(crate) tracker: TaskTracker,
}

/// The end of an attempt to put a part under one key.
enum Placed {
    Stored(Stored),
    /// The key holds other content.
    Taken,
}

impl Target {
    /// Stores one part, under its key or the key with the digest in it.
    pub(crate) async fn upload(&self, part: Part) -> Result<Stored, PartError> {
        let attributes = part.attributes()?;
        let mut content = Content::open(part.source, part.encoding).await?;
        let mut path = if key::is_of_content(&part.key) {
            key::parse(&key::of_content(&part.key, &content.digest().await?))?
        } else {
            key::parse(&part.key)?
        };
        let mut placed = self.place(&path, &mut content, &attributes).await?;
        if matches!(placed, Placed::Taken) && !part.exact {
            let digest = content.digest().await?;
            path = key::parse(&key::with_digest(path.as_ref(), &digest))?;
            placed = self.place(&path, &mut content, &attributes).await?;
        }
        match placed {
            Placed::Stored(stored) => Ok(stored),
            Placed::Taken => {
                let text = format!("{}: other content holds the key", name(path.as_ref()));
                Err(PartError::new(Reason::KeyTaken, text))
            }
        }
    }

    async fn place(
        &self,
        path: &Path,
        content: &mut Content,
        attributes: &Attributes,
    ) -> Result<Placed, PartError> {
        if content.size() <= self.part_size {
            self.place_whole(path, content, attributes).await
        } else {
            self.place_slices(path, content, attributes).await
        }
    }

    async fn compare(&self, path: &Path, size: u64, digest: &Digest) -> Result<Holder, PartError> {
        compare(&*self.store, path, size, digest, self.answer).await
    }

    /// One conditional PUT.
    async fn place_whole(
        &self,
        path: &Path,
        content: &mut Content,
        attributes: &Attributes,
    ) -> Result<Placed, PartError> {
        let _held = self.budget.hold(content.cost(content.size())).await?;
        let (bytes, payload) = content.whole().await?;
        let digest = payload.original_digest();
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let options = PutOptions {
                mode: PutMode::Create,
                attributes: with_encoding(attributes, payload.encoding()),
                ..PutOptions::default()
            };
            let put = self
                .store
                .put_opts(path, PutPayload::from(bytes.clone()), options);
            match knowing(&bytes, payload.digest, put).await {
                Ok(put) => return Ok(placed(path, payload, put.into(), true)),
                Err(Error::AlreadyExists { .. }) => {
                    match self.compare(path, content.size(), digest).await? {
                        Holder::Same(there, receipt) => {
                            return Ok(placed(path, there, receipt, false));
                        }
                        Holder::Other => return Ok(Placed::Taken),
                        Holder::Nobody => {} // another writer's request is under way
                    }
                }
                Err(error) => return Err(classify("storing", path.as_ref(), &error)),
            }
        }
        Err(contended(path))
    }

    /// A multipart upload. Not all stores know the condition on its completion, so the key is
    /// looked at before the first byte and once more before the last request.
    async fn place_slices(
        &self,
        path: &Path,
        content: &mut Content,
        attributes: &Attributes,
    ) -> Result<Placed, PartError> {
        let attributes = with_encoding(attributes, content.encoding());
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            if describe(&*self.store, path).await?.is_some() {
                let digest = content.digest().await?;
                match self.compare(path, content.size(), &digest).await? {
                    Holder::Same(there, receipt) => return Ok(placed(path, there, receipt, false)),
                    Holder::Other => return Ok(Placed::Taken),
                    Holder::Nobody => {}
                }
            }
            let mut multipart = Multipart::start(self, path, attributes.clone()).await?;
            let payload = multipart.send(self, content).await?;
            if describe(&*self.store, path).await?.is_some() {
                continue; // another writer was faster
            }
            match multipart.complete().await {
                Ok(receipt) => return Ok(placed(path, payload, receipt, true)),
                // Another writer was faster after all; or, asked again after its answer was lost,
                // the completion finds no upload, or the object that it made itself.
                Err(
                    Error::NotFound { .. }
                    | Error::AlreadyExists { .. }
                    | Error::Precondition { .. },
                ) => {}
                Err(error) => return Err(classify("completing", path.as_ref(), &error)),
            }
        }
        Err(contended(path))
    }
}

fn with_encoding(attributes: &Attributes, encoding: Option<Encoding>) -> Attributes {
    let mut attributes = attributes.clone();
    if let Some(encoding) = encoding {
        attributes.insert(Attribute::ContentEncoding, encoding.word().into());
    }
    attributes
}

fn placed(path: &Path, payload: Payload, receipt: Receipt, created: bool) -> Placed {
    Placed::Stored(Stored {
        key: path.to_string(),
        payload,
        receipt,
        created,
    })
}

/// Waits before all attempts but the first, twice as long each time.
async fn pause(attempt: u32) {
    if attempt > 0 {
        sleep(BACKOFF * 2_u32.pow(attempt - 1)).await;
    }
}

fn contended(path: &Path) -> PartError {
    let text = format!("{}: another writer is at this key", name(path.as_ref()));
    PartError::new(Reason::StoreFault, text)
}
