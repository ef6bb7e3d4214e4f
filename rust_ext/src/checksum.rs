//! The checksum header that goes with every upload, of a digest that we have computed already.
//!
//! The client wants the SHA-256 of what it sends for that header, and takes no value that is
//! known. It does let its hash functions be replaced.

use std::future::Future;

use bytes::Bytes;
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use object_store::{Error, Result};

use crate::digest::{Digest, Hasher};

/// Bytes by their place in memory, where they do not change, and their digest.
struct Known {
    start: usize,
    length: usize,
    digest: Digest,
}

tokio::task_local! {
    static KNOWN: Known;
}

/// Does `work`, in which the digest of `bytes` need not be computed.
pub(crate) async fn knowing<F: Future>(bytes: &Bytes, digest: Digest, work: F) -> F::Output {
    let known = Known {
        start: bytes.as_ptr() as usize,
        length: bytes.len(),
        digest,
    };
    KNOWN.scope(known, work).await
}

/// The client's hash function.
#[derive(Debug)]
pub(crate) struct Checksum;

impl CryptoProvider for Checksum {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Box::<Sha256>::default()),
            other => Err(unable(&format!("{other:?}"))),
        }
    }

    fn hmac(&self, algorithm: DigestAlgorithm, _secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        Err(unable(&format!("{algorithm:?}")))
    }

    fn sign(&self, algorithm: SigningAlgorithm, _pem: &[u8]) -> Result<Box<dyn Signer>> {
        Err(unable(&format!("{algorithm:?}")))
    }
}

fn unable(what: &str) -> Error {
    Error::NotSupported {
        source: format!("{what} is not needed for a checksum").into(),
    }
}

/// The digest of these very bytes, if it is known.
fn known(data: &[u8]) -> Option<Digest> {
    let same = |known: &Known| (known.start, known.length) == (data.as_ptr() as usize, data.len());
    KNOWN
        .try_with(|known| same(known).then_some(known.digest))
        .ok()
        .flatten()
}

/// A SHA-256, which is taken over where the bytes are those of `knowing`.
#[derive(Default)]
struct Sha256 {
    hasher: Option<Hasher>,
    digest: Option<Digest>,
}

impl DigestContext for Sha256 {
    fn update(&mut self, data: &[u8]) {
        if self.hasher.is_none() && self.digest.is_none() {
            self.digest = known(data);
            if self.digest.is_some() {
                return;
            }
        }
        self.hasher.get_or_insert_with(Hasher::new).update(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        let digest = match (self.digest, self.hasher.take()) {
            (Some(_), Some(_)) => return Err(unable("a payload in pieces")),
            (Some(digest), None) => digest,
            (None, hasher) => hasher.unwrap_or_else(Hasher::new).finish(),
        };
        Ok(self.digest.insert(digest).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let mut context = Checksum.digest(DigestAlgorithm::Sha256)?;
        for piece in pieces {
            context.update(piece);
        }
        context.finish().map(<[u8]>::to_vec)
    }

    #[tokio::test]
    async fn only_those_very_bytes_are_known() {
        let bytes = Bytes::from_static(b"abc");
        let other = Digest::of(b"something else, so that it shows");
        let copy = b"abc".to_vec();
        knowing(&bytes, other, async {
            assert_eq!(sha256(&[&bytes]).unwrap(), other.as_bytes());
            assert_eq!(sha256(&[&copy]).unwrap(), Digest::of(b"abc").as_bytes());
            assert_eq!(
                sha256(&[&bytes[..2]]).unwrap(),
                Digest::of(b"ab").as_bytes()
            );
            assert_eq!(sha256(&[]).unwrap(), Digest::of(b"").as_bytes());
            assert!(sha256(&[&bytes, b"d"]).is_err());
        })
        .await;
        assert_eq!(
            sha256(&[b"a", &bytes]).unwrap(),
            Digest::of(b"aabc").as_bytes()
        );
    }
}
