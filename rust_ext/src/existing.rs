//! What holds a key already: the same bytes, or others.

use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::time::timeout;

use crate::classify::classify;
use crate::digest::{Digest, Hasher};
use crate::error::{PartError, Reason, name};

/// What holds a key.
pub(crate) enum Holder {
    /// An object with the same bytes, and its etag.
    Same(Option<String>),
    /// An object with other bytes.
    Other,
    /// No object (any more, or yet).
    Nobody,
}

/// Describes the object at `path`; None where there is none.
pub(crate) async fn describe(
    store: &dyn ObjectStore,
    path: &Path,
) -> Result<Option<ObjectMeta>, PartError> {
    match store.head(path).await {
        Ok(meta) => Ok(Some(meta)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(classify("looking at", path.as_ref(), &error)),
    }
}

/// Compares the object at `path`, if there is one, with what was to be stored there.
///
/// Its bytes are read back and hashed: an etag or a size alone proves nothing. Each stretch of them
/// may take as long as `patience`.
pub(crate) async fn compare(
    store: &dyn ObjectStore,
    path: &Path,
    size: u64,
    digest: &Digest,
    patience: Duration,
) -> Result<Holder, PartError> {
    let failed = |error| classify("reading back", path.as_ref(), &error);
    let found = match store.get(path).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(Holder::Nobody),
        Err(error) => return Err(failed(error)),
    };
    if found.meta.size != size {
        return Ok(Holder::Other);
    }
    let etag = found.meta.e_tag.clone();
    let mut hasher = Hasher::new();
    let mut stream = found.into_stream();
    while let Some(bytes) = timeout(patience, stream.try_next())
        .await
        .map_err(|_| stalled(path))?
        .map_err(failed)?
    {
        hasher.update(&bytes);
    }
    Ok(if hasher.finish() == *digest {
        Holder::Same(etag)
    } else {
        Holder::Other
    })
}

fn stalled(path: &Path) -> PartError {
    let text = format!("reading back {}: no answer in time", name(path.as_ref()));
    PartError::new(Reason::StoreFault, text)
}
