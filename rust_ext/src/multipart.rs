//! One multipart upload: slices sent several at a time, and aborted unless it is completed.

use std::time::Duration;

use object_store::path::Path;
use object_store::{Attributes, MultipartUpload, PutMultipartOptions};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::classify::classify;
use crate::content::Content;
use crate::digest::Digest;
use crate::error::{PartError, Reason};
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
    slices: JoinSet<object_store::Result<()>>,
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
    ) -> Result<Digest, PartError> {
        let length = slice_size(target.part_size, content.size());
        let mut left = content.size();
        content.rewind().await?;
        while left > 0 {
            if self.slices.len() >= target.slices {
                self.wait_for_one().await?;
            }
            let next = length.min(left);
            let held = target.budget.hold(content.cost(next)).await?;
            let bytes = content.next(next).await?;
            left -= next;
            let Some(upload) = &mut self.upload else {
                break;
            };
            let sending = upload.put_part(bytes.into());
            self.slices.spawn(async move {
                let _held = held;
                sending.await
            });
        }
        while !self.slices.is_empty() {
            self.wait_for_one().await?;
        }
        content.finish().await
    }

    async fn wait_for_one(&mut self) -> Result<(), PartError> {
        match self.slices.join_next().await {
            Some(Ok(Ok(()))) | None => Ok(()),
            Some(Ok(Err(error))) => Err(classify("sending a slice of", &self.key, &error)),
            Some(Err(_)) => Err(PartError::new(Reason::StoreFault, "sending was stopped")),
        }
    }

    /// Makes the object of the slices; returns its etag as the store gave it.
    pub(crate) async fn complete(&mut self) -> object_store::Result<Option<String>> {
        let Some(upload) = &mut self.upload else {
            return Ok(None);
        };
        let result = upload.complete().await?;
        self.upload = None;
        Ok(result.e_tag)
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
