//! What comes in and what goes out: the Rust side of `mailvault/models.py`.

use bytes::Bytes;
use object_store::{Attribute, Attributes, ObjectMeta, PutResult};

use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::error::{PartError, Reason, name};

/// One body or attachment, to be stored under `key`.
pub(crate) struct Part {
    /// The caller's handle.
    pub(crate) number: i64,
    /// The object key that is wanted.
    pub(crate) key: String,
    /// Whether no other key will do.
    pub(crate) exact: bool,
    /// Where the bytes are.
    pub(crate) source: Source,
    /// The object's Content-Type.
    pub(crate) content_type: String,
    /// The object's Content-Disposition.
    pub(crate) disposition: Option<String>,
    /// The object's user metadata.
    pub(crate) metadata: Vec<(String, String)>,
    /// How the bytes are to be compressed.
    pub(crate) encoding: Option<Encoding>,
}

impl Part {
    /// The headers that the object keeps. HTTP clients panic or send something else where a
    /// value is not one line of ASCII, so that is refused here.
    pub(crate) fn attributes(&self) -> Result<Attributes, PartError> {
        let mut attributes = Attributes::new();
        let mut add = |attribute, value: &str| {
            if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                let text = format!("{}: a header is not one line of ASCII", name(&self.key));
                return Err(PartError::new(Reason::StoreRefused, text));
            }
            attributes.insert(attribute, value.to_owned().into());
            Ok(())
        };
        add(Attribute::ContentType, &self.content_type)?;
        if let Some(disposition) = &self.disposition {
            add(Attribute::ContentDisposition, disposition)?;
        }
        for (key, value) in &self.metadata {
            add(Attribute::Metadata(key.clone().into()), value)?;
        }
        Ok(attributes)
    }
}

/// Where the bytes of a part are.
pub(crate) enum Source {
    /// In memory, held by Python and not copied.
    Memory(Bytes),
    /// In a file below a directory.
    File {
        /// The directory that `path` must not leave.
        root: String,
        /// Relative, and not trusted.
        path: String,
    },
}

/// What the store holds now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The object's key.
    pub(crate) key: String,
    /// Its bytes.
    pub(crate) payload: Payload,
    /// What the store calls it.
    pub(crate) receipt: Receipt,
    /// False where it was there already, compressed in whatever way.
    pub(crate) created: bool,
}

/// The bytes of an object, as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) size: u64,
    pub(crate) digest: Digest,
    /// What they stand for, where they are compressed.
    pub(crate) original: Option<Original>,
}

/// Bytes before they were compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    pub(crate) encoding: Encoding,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

impl Payload {
    /// Bytes that are sent as they are.
    pub(crate) fn plain(size: u64, digest: Digest) -> Self {
        Self {
            size,
            digest,
            original: None,
        }
    }

    /// The digest of what they stand for.
    pub(crate) fn original_digest(&self) -> &Digest {
        self.original
            .as_ref()
            .map_or(&self.digest, |original| &original.digest)
    }

    /// The object's Content-Encoding.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        self.original.map(|original| original.encoding)
    }
}

/// By what a store tells an object that it holds from others at its key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Without quotes.
    pub(crate) etag: Option<String>,
    /// Where the bucket keeps versions.
    pub(crate) version: Option<String>,
    /// Of an object in slices, as S3 shows it: the SHA-256 of their SHA-256s, and their number.
    pub(crate) checksum: Option<String>,
}

impl From<PutResult> for Receipt {
    fn from(put: PutResult) -> Self {
        Self {
            etag: put.e_tag.as_deref().map(unquoted),
            version: put.version,
            checksum: None,
        }
    }
}

impl From<ObjectMeta> for Receipt {
    fn from(meta: ObjectMeta) -> Self {
        Self {
            etag: meta.e_tag.as_deref().map(unquoted),
            version: meta.version,
            checksum: None,
        }
    }
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// How the upload of one part ended.
pub(crate) struct Outcome {
    /// The caller's handle.
    pub(crate) number: i64,
    /// The object, or why there is none.
    pub(crate) result: Result<Stored, PartError>,
}
