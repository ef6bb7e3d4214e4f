//! What holds a key already: the same bytes, or others.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::time::timeout;

use crate::classify::classify;
use crate::digest::{Digest, Hasher};
use crate::error::{PartError, Reason, name};
use crate::part::Tags;

/// How often an object is asked for that breaks off while it is read.
const READS: u32 = 4;

/// What holds a key.
pub(crate) enum Holder {
    /// An object with the same bytes.
    Same(Tags),
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
        Err(error) => {
            let mut error = classify("looking at", path.as_ref(), &error);
            // This answer has no body that could say more; S3 says 400 where a token has expired.
            if error.reason() == Reason::StoreRefused {
                error = PartError::new(Reason::StoreDenied, error.to_string());
            }
            Err(error)
        }
    }
}

/// Compares the object at `path`, if there is one, with what was to be stored there.
///
/// Its bytes are read back and hashed: an etag or a size alone proves nothing. Each stretch of them
/// may take as long as `patience`; where the connection is lost, the rest is asked for.
pub(crate) async fn compare(
    store: &dyn ObjectStore,
    path: &Path,
    size: u64,
    digest: &Digest,
    patience: Duration,
) -> Result<Holder, PartError> {
    let (mut hasher, mut read) = (Hasher::new(), 0);
    let (mut etag, mut tags) = (None, Tags::default());
    for attempt in 1..=READS {
        let options = GetOptions {
            range: (read > 0).then_some(GetRange::Offset(read)),
            if_match: (read > 0).then(|| etag.clone()).flatten(),
            ..GetOptions::default()
        };
        let found = match store.get_opts(path, options).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(Holder::Nobody),
            Err(Error::Precondition { .. }) => return Ok(Holder::Other), // since a moment ago
            Err(error) => return Err(classify("reading back", path.as_ref(), &error)),
        };
        if found.meta.size != size {
            return Ok(Holder::Other);
        }
        etag.clone_from(&found.meta.e_tag);
        tags = found.meta.clone().into();
        let mut stream = found.into_stream();
        let take = |bytes: &[u8]| {
            hasher.update(bytes);
            read += bytes.len() as u64;
        };
        match drain(&mut stream, path, patience, take).await {
            Ok(()) => break,
            Err(error) if attempt == READS => return Err(error),
            Err(_) => {}
        }
    }
    Ok(if hasher.finish() == *digest {
        Holder::Same(tags)
    } else {
        Holder::Other
    })
}

async fn drain(
    stream: &mut BoxStream<'static, object_store::Result<Bytes>>,
    path: &Path,
    patience: Duration,
    mut take: impl FnMut(&[u8]),
) -> Result<(), PartError> {
    let failed = |error| classify("reading back", path.as_ref(), &error);
    while let Some(bytes) = timeout(patience, stream.try_next())
        .await
        .map_err(|_| stalled(path))?
        .map_err(failed)?
    {
        take(&bytes);
    }
    Ok(())
}

fn stalled(path: &Path) -> PartError {
    let text = format!("reading back {}: no answer in time", name(path.as_ref()));
    PartError::new(Reason::StoreFault, text)
}
