//! The bytes of one part, wherever they are: read in order, off the threads that send them.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::error::{PartError, Reason};
use crate::file::SourceFile;
use crate::part::{Payload, Source};
use crate::reader::{Place, Reader};

/// Bytes in memory up to this many are hashed in place: a tenth of a millisecond, which is about
/// what handing them to another thread costs under load.
const HASHED_IN_PLACE: u64 = 32 * 1024;

/// One part's bytes, open for reading.
pub(crate) struct Content {
    reader: Arc<Mutex<Reader>>,
    size: u64,
    /// Whether the bytes that are sent are in memory already.
    at_hand: bool,
    encoding: Option<Encoding>,
    digest: Option<Digest>,
}

impl Content {
    /// Opens the file, if it is one. Its bytes are sent compressed where `encoding` says so.
    pub(crate) async fn open(
        source: Source,
        encoding: Option<Encoding>,
    ) -> Result<Self, PartError> {
        let place = match source {
            Source::Memory(bytes) => Place::Memory(bytes),
            Source::File { root, path } => {
                Place::File(blocking(move || SourceFile::open(&root, &path)).await?)
            }
        };
        let at_hand = matches!(place, Place::Memory(_)) && encoding.is_none();
        let reader = Reader::new(place);
        Ok(Self {
            size: reader.size(),
            at_hand,
            reader: Arc::new(Mutex::new(reader)),
            encoding,
            digest: None,
        })
    }

    /// Bytes in all, before they are compressed.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How the bytes of `rewind` and `next` are compressed.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        self.encoding
    }

    /// Bytes that `length` of what is sent take: none where they are in memory already.
    pub(crate) fn cost(&self, length: u64) -> u64 {
        if self.at_hand { 0 } else { length }
    }

    /// Goes back to the first byte.
    pub(crate) async fn rewind(&self) -> Result<(), PartError> {
        let encoding = self.encoding;
        self.run(0, move |reader| reader.rewind(encoding)).await
    }

    /// Reads the next `length` bytes of what is sent; fewer only at the end.
    pub(crate) async fn next(&self, length: u64) -> Result<Bytes, PartError> {
        self.run(length, move |reader| reader.next(length)).await
    }

    /// Checks that all was read as it was when it was opened, and says what was sent.
    pub(crate) async fn finish(&mut self) -> Result<Payload, PartError> {
        let known = self.digest;
        let payload = self.run(0, move |reader| reader.finish(known)).await?;
        self.digest = Some(*payload.original_digest());
        Ok(payload)
    }

    /// Reads all bytes at once, from the first; compressed only if that makes them smaller.
    pub(crate) async fn whole(&mut self) -> Result<(Bytes, Payload), PartError> {
        let (encoding, known) = (self.encoding, self.digest);
        let (bytes, payload) = self
            .run(self.size, move |reader| reader.whole(encoding, known))
            .await?;
        self.digest = Some(*payload.original_digest());
        Ok((bytes, payload))
    }

    /// The digest alone, as it is before compression: reads everything once, if that was not done
    /// before.
    pub(crate) async fn digest(&mut self) -> Result<Digest, PartError> {
        if let Some(digest) = self.digest {
            return Ok(digest);
        }
        let digest = self.run(self.size, Reader::digest).await?;
        self.digest = Some(digest);
        Ok(digest)
    }

    /// Runs blocking work over `length` bytes where it holds nobody up.
    async fn run<T: Send + 'static>(
        &self,
        length: u64,
        work: impl FnOnce(&mut Reader) -> Result<T, PartError> + Send + 'static,
    ) -> Result<T, PartError> {
        let reader = Arc::clone(&self.reader);
        let work = move || work(&mut reader.lock().unwrap_or_else(PoisonError::into_inner));
        if self.at_hand && length <= HASHED_IN_PLACE {
            work()
        } else {
            blocking(work).await
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PartError> + Send + 'static,
) -> Result<T, PartError> {
    let stopped = |_| Err(PartError::new(Reason::FileFault, "reading was stopped"));
    spawn_blocking(work).await.unwrap_or_else(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::tests::encoded;

    async fn sources() -> (tempfile::TempDir, [Content; 2]) {
        let root = tempfile::TempDir::new().unwrap();
        std::fs::write(root.path().join("a"), "abcdef").unwrap();
        let file = Source::File {
            root: root.path().to_str().unwrap().to_owned(),
            path: "a".to_owned(),
        };
        let memory = Source::Memory(Bytes::from_static(b"abcdef"));
        let contents = [
            Content::open(file, None).await.unwrap(),
            Content::open(memory, None).await.unwrap(),
        ];
        (root, contents)
    }

    #[tokio::test]
    async fn slices_and_the_whole_have_one_digest() {
        let (_root, contents) = sources().await;
        for mut content in contents {
            assert_eq!(content.digest().await.unwrap(), Digest::of(b"abcdef"));
            content.rewind().await.unwrap();
            assert_eq!(content.next(4).await.unwrap(), "abcd");
            assert_eq!(content.next(2).await.unwrap(), "ef");
            let expected = Payload::plain(6, Digest::of(b"abcdef"));
            assert_eq!(content.finish().await.unwrap(), expected);
            let (bytes, payload) = content.whole().await.unwrap();
            assert_eq!((bytes.as_ref(), payload), (&b"abcdef"[..], expected));
        }
    }

    #[tokio::test]
    async fn other_bytes_under_the_same_time_are_a_change() {
        let (root, [mut content, _]) = sources().await;
        content.digest().await.unwrap();
        let path = root.path().join("a");
        let modified = path.metadata().unwrap().modified().unwrap();
        std::fs::write(&path, "ABCDEF").unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        content.rewind().await.unwrap();
        content.next(6).await.unwrap();
        assert_eq!(
            content.finish().await.unwrap_err().reason(),
            Reason::FileChanged
        );
    }

    #[tokio::test]
    async fn compressed_slices_are_the_compressed_whole() {
        let text: &'static [u8] = b"again and again";
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let source = Source::Memory(Bytes::from_static(text));
            let mut content = Content::open(source, Some(encoding)).await.unwrap();
            let whole = encoded(encoding, text);
            for _ in 0..2 {
                content.rewind().await.unwrap();
                let mut found = Vec::new();
                while let bytes = content.next(4).await.unwrap()
                    && !bytes.is_empty()
                {
                    assert!(bytes.len() == 4 || found.len() + bytes.len() == whole.len());
                    found.extend(bytes);
                }
                assert_eq!(found, whole);
                let payload = content.finish().await.unwrap();
                assert_eq!(payload.digest, Digest::of(&whole));
                assert_eq!(payload.original_digest(), &Digest::of(text));
            }
            // It would be larger than it is.
            assert_eq!(content.whole().await.unwrap().0, text);
        }
    }
}
