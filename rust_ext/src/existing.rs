//! What holds a key already: the same bytes, or others.

use std::io::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attribute, Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _,
};
use tokio::time::timeout;

use crate::classify::classify;
use crate::digest::{Digest, Hasher};
use crate::encoding::{Decoder, Encoding};
use crate::error::{PartError, Reason, name};
use crate::part::{Original, Payload, Receipt};

/// How often an object is asked for that breaks off while it is read.
const READS: u32 = 4;

/// What holds a key.
pub(crate) enum Holder {
    /// An object with the same bytes, as they are or compressed in whatever way.
    Same(Payload, Receipt),
    /// An object that stands for other bytes.
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

/// Compares the object at `path`, if there is one, with what was to be stored there: `size` bytes
/// with this digest, before they are compressed.
///
/// Its bytes are read back and hashed: an etag or a size alone proves nothing. Compressed bytes are
/// decompressed for that, since no two libraries make the same of one text. Each stretch of them
/// may take as long as `patience`; where the connection is lost, the rest is asked for.
pub(crate) async fn compare(
    store: &dyn ObjectStore,
    path: &Path,
    size: u64,
    digest: &Digest,
    patience: Duration,
) -> Result<Holder, PartError> {
    let mut seen = Seen::default();
    let (mut etag, mut receipt) = (None, Receipt::default());
    for attempt in 1..=READS {
        let read = seen.size;
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
        let encoding = encoding_of(&found);
        if encoding.is_none() && found.meta.size != size {
            return Ok(Holder::Other);
        }
        if read == 0 {
            seen.decode(encoding, size);
        }
        etag.clone_from(&found.meta.e_tag);
        receipt = found.meta.clone().into();
        let mut stream = found.into_stream();
        match drain(&mut stream, path, patience, |bytes| seen.take(bytes)).await {
            Ok(()) => break,
            Err(error) if attempt == READS => return Err(error),
            Err(_) => {}
        }
    }
    Ok(match seen.payload() {
        Some(payload) if payload.original_digest() == digest => Holder::Same(payload, receipt),
        _ => Holder::Other,
    })
}

fn encoding_of(found: &GetResult) -> Option<Encoding> {
    Encoding::parse(found.attributes.get(&Attribute::ContentEncoding)?)
}

/// What was read of an object so far.
struct Seen {
    size: u64,
    hasher: Hasher,
    decoder: io::Result<Option<(Encoding, Box<dyn Decoder>)>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            size: 0,
            hasher: Hasher::new(),
            decoder: Ok(None),
        }
    }
}

impl Seen {
    /// Decompresses what will be taken, up to a limit.
    fn decode(&mut self, encoding: Option<Encoding>, limit: u64) {
        self.decoder = encoding
            .map(|encoding| Ok((encoding, encoding.decoder(limit)?)))
            .transpose();
    }

    /// Takes the next bytes; false where they tell already that it is another object.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.size += bytes.len() as u64;
        self.hasher.update(bytes);
        if let Ok(Some((_, decoder))) = &mut self.decoder
            && let Err(error) = decoder.write_all(bytes)
        {
            self.decoder = Err(error);
        }
        self.decoder.is_ok()
    }

    /// All of it; None where it cannot be decompressed, or stands for more than the limit.
    fn payload(self) -> Option<Payload> {
        let original = match self.decoder.ok()? {
            None => None,
            Some((encoding, decoder)) => {
                let (size, digest) = decoder.finish().ok()?;
                Some(Original {
                    encoding,
                    size,
                    digest,
                })
            }
        };
        Some(Payload {
            size: self.size,
            digest: self.hasher.finish(),
            original,
        })
    }
}

async fn drain(
    stream: &mut BoxStream<'static, object_store::Result<Bytes>>,
    path: &Path,
    patience: Duration,
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<(), PartError> {
    let failed = |error| classify("reading back", path.as_ref(), &error);
    while let Some(bytes) = timeout(patience, stream.try_next())
        .await
        .map_err(|_| stalled(path))?
        .map_err(failed)?
    {
        if !take(&bytes) {
            break;
        }
    }
    Ok(())
}

fn stalled(path: &Path) -> PartError {
    let text = format!("reading back {}: no answer in time", name(path.as_ref()));
    PartError::new(Reason::StoreFault, text)
}
