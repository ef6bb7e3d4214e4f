//! One multipart upload: slices sent several at a time, and aborted unless it is completed.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use object_store::path::Path;
use object_store::{Attributes, MultipartUpload, PutMultipartOptions};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::checksum::knowing;
use crate::classify::classify;
use crate::content::Content;
use crate::digest::{Digest, Hasher};
use crate::error::{PartError, Reason};
use crate::part::{Payload, Receipt};
use crate::upload::Target;

/// S3 allows 10,000 slices; a few are left for what a provider counts otherwise.
const MOST_SLICES: u64 = 9_000;

/// How long an abort may take; what it leaves is for the bucket's lifecycle rule.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The size of all slices but the last, for a part of this size.
pub(crate) fn slice_size(part_size: u64, size: u64) -> u64 {
    part_size.max(size.div_ceil(MOST_SLICES))
}

/// A multipart upload under way at the store.
///
/// Dropped before it is completed, for an error or because the work was given up, it aborts
/// itself in a task of its own; so the error that is reported is always the first one.
pub(crate) struct Multipart {
    key: String,
    upload: Option<Box<dyn MultipartUpload>>,
    slices: JoinSet<object_store::Result<(u64, Digest)>>,
    /// Of the slices that are there, by their place.
    digests: BTreeMap<u64, Digest>,
    tracker: TaskTracker,
    runtime: Handle,
}

impl Multipart {
    /// Starts an upload.
    ///
    /// The request runs to its end even where the caller is gone: an upload whose id nobody
    /// learned could not be aborted.
    pub(crate) async fn start(
        target: &Target,
        path: &Path,
        attributes: Attributes,
    ) -> Result<Self, PartError> {
        let (store, tracker) = (target.store.clone(), target.tracker.clone());
        let path = path.clone();
        let starting = target.tracker.spawn(async move {
            let options = PutMultipartOptions {
                attributes,
                ..PutMultipartOptions::default()
            };
            let upload = store
                .put_multipart_opts(&path, options)
                .await
                .map_err(|error| classify("starting the upload of", path.as_ref(), &error))?;
            Ok(Self {
                key: path.to_string(),
                upload: Some(upload),
                slices: JoinSet::new(),
                digests: BTreeMap::new(),
                tracker,
                runtime: Handle::current(),
            })
        });
        starting
            .await
            .map_err(|_| PartError::new(Reason::StoreFault, "the uploader was closed"))?
    }

    /// Reads and sends all of `content`, a few slices at a time and within the budget.
    pub(crate) async fn send(
        &mut self,
        target: &Target,
        content: &mut Content,
    ) -> Result<Payload, PartError> {
        let length = slice_size(target.part_size, content.size());
        content.rewind().await?;
        for place in 0.. {
            if self.slices.len() >= target.slices {
                self.wait_for_one().await?;
            }
            let held = target.budget.hold(content.cost(length)).await?;
            let bytes = content.next(length).await?;
            let Some(upload) = self.upload.as_mut().filter(|_| !bytes.is_empty()) else {
                break;
            };
            let sending = upload.put_part(bytes.clone().into());
            self.slices.spawn(async move {
                let _held = held;
                let digest = Digest::of(&bytes);
                knowing(&bytes, digest, sending).await?;
                Ok((place, digest))
            });
        }
        while !self.slices.is_empty() {
            self.wait_for_one().await?;
        }
        content.finish().await
    }

    async fn wait_for_one(&mut self) -> Result<(), PartError> {
        match self.slices.join_next().await {
            None => Ok(()),
            Some(Ok(Ok((place, digest)))) => {
                self.digests.insert(place, digest);
                Ok(())
            }
            Some(Ok(Err(error))) => Err(classify("sending a slice of", &self.key, &error)),
            Some(Err(_)) => Err(PartError::new(Reason::StoreFault, "sending was stopped")),
        }
    }

    /// Makes the object of the slices.
    pub(crate) async fn complete(&mut self) -> object_store::Result<Receipt> {
        let Some(upload) = &mut self.upload else {
            return Ok(Receipt::default());
        };
        let put = upload.complete().await?;
        self.upload = None;
        let mut hasher = Hasher::new();
        for digest in self.digests.values() {
            hasher.update(digest.as_bytes());
        }
        let checksum = BASE64_STANDARD.encode(hasher.finish().as_bytes());
        Ok(Receipt {
            checksum: Some(format!("{checksum}-{}", self.digests.len())),
            ..put.into()
        })
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else {
            return;
        };
        let mut slices = std::mem::take(&mut self.slices);
        let aborting = async move {
            slices.shutdown().await; // a slice that comes after the abort would stay
            upload.abort().await
        };
        // There is nobody to tell of an abort that fails; the first error is on its way already.
        let bounded = async move { drop(timeout(ABORT_TIMEOUT, aborting).await) };
        self.tracker.spawn_on(bounded, &self.runtime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_with_the_size() {
        let part_size = 8 << 20;
        assert_eq!(slice_size(part_size, 1), part_size);
        assert_eq!(slice_size(part_size, 9_000 * part_size), part_size);
        assert_eq!(slice_size(part_size, 9_000 * part_size + 1), part_size + 1);
        let largest = 5_u64 << 40;
        assert!(largest.div_ceil(slice_size(part_size, largest)) <= 10_000);
    }
}
