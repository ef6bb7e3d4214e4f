//! The bytes of one part, wherever they are: read in order, and hashed on the way.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::digest::{Digest, Hasher};
use crate::error::{PartError, Reason};
use crate::file::SourceFile;
use crate::part::Source;

/// Bytes in memory up to this many are hashed in place: a tenth of a millisecond, which is about
/// what handing them to another thread costs under load.
const HASHED_IN_PLACE: u64 = 32 * 1024;

/// How much of a file is read at a time where it is only hashed.
const HASHED_AT_A_TIME: u64 = 1024 * 1024;

/// One part's bytes, open for reading.
pub(crate) struct Content {
    reader: Arc<Mutex<Reader>>,
    size: u64,
    in_memory: bool,
    digest: Option<Digest>,
}

impl Content {
    /// Opens the file, if it is one.
    pub(crate) async fn open(source: Source) -> Result<Self, PartError> {
        let reader = match source {
            Source::Memory(bytes) => Reader::new(Place::Memory { bytes, read: 0 }),
            Source::File { root, path } => {
                let file = blocking(move || SourceFile::open(&root, &path)).await?;
                Reader::new(Place::File(file))
            }
        };
        Ok(Self {
            size: reader.size(),
            in_memory: matches!(reader.place, Place::Memory { .. }),
            reader: Arc::new(Mutex::new(reader)),
            digest: None,
        })
    }

    /// Bytes in all.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that reading `length` of them takes: none where they are in memory already.
    pub(crate) fn cost(&self, length: u64) -> u64 {
        if self.in_memory { 0 } else { length }
    }

    /// Reads the next `length` bytes.
    pub(crate) async fn next(&self, length: u64) -> Result<Bytes, PartError> {
        self.run(length, move |reader| reader.next(length)).await
    }

    /// Checks that all was read as it was when it was opened, and returns the digest.
    pub(crate) async fn finish(&mut self) -> Result<Digest, PartError> {
        let known = self.digest;
        let digest = self.run(0, move |reader| reader.finish(known)).await?;
        self.digest = Some(digest);
        Ok(digest)
    }

    /// Reads all bytes at once, from the first.
    pub(crate) async fn whole(&mut self) -> Result<(Bytes, Digest), PartError> {
        let (size, known) = (self.size, self.digest);
        let (bytes, digest) = self
            .run(size, move |reader| {
                reader.rewind()?;
                let bytes = reader.next(size)?;
                Ok((bytes, reader.finish(known)?))
            })
            .await?;
        self.digest = Some(digest);
        Ok((bytes, digest))
    }

    /// The digest alone: reads everything once, if that was not done before.
    pub(crate) async fn digest(&mut self) -> Result<Digest, PartError> {
        if let Some(digest) = self.digest {
            return Ok(digest);
        }
        let digest = self.run(self.size, Reader::digest).await?;
        self.digest = Some(digest);
        Ok(digest)
    }

    /// Goes back to the first byte.
    pub(crate) async fn rewind(&self) -> Result<(), PartError> {
        self.run(0, Reader::rewind).await
    }

    /// Runs blocking work over `length` bytes where it holds nobody up.
    async fn run<T: Send + 'static>(
        &self,
        length: u64,
        work: impl FnOnce(&mut Reader) -> Result<T, PartError> + Send + 'static,
    ) -> Result<T, PartError> {
        let reader = Arc::clone(&self.reader);
        let work = move || work(&mut reader.lock().unwrap_or_else(PoisonError::into_inner));
        if self.in_memory && length <= HASHED_IN_PLACE {
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

enum Place {
    Memory { bytes: Bytes, read: u64 },
    File(SourceFile),
}

/// Reads in order and hashes what it reads; its calls block.
struct Reader {
    place: Place,
    hasher: Hasher,
}

impl Reader {
    fn new(place: Place) -> Self {
        Self {
            place,
            hasher: Hasher::new(),
        }
    }

    fn size(&self) -> u64 {
        match &self.place {
            Place::Memory { bytes, .. } => bytes.len() as u64,
            Place::File(file) => file.size(),
        }
    }

    fn next(&mut self, length: u64) -> Result<Bytes, PartError> {
        let slice = match &mut self.place {
            Place::Memory { bytes, read } => {
                let start = to_usize(*read)?;
                *read += length;
                bytes.slice(start..start + to_usize(length)?)
            }
            Place::File(file) => file.read(to_usize(length)?)?,
        };
        self.hasher.update(&slice);
        Ok(slice)
    }

    fn finish(&mut self, known: Option<Digest>) -> Result<Digest, PartError> {
        let digest = std::mem::replace(&mut self.hasher, Hasher::new()).finish();
        if let Place::File(file) = &self.place {
            file.check_unchanged()?;
            if known.is_some_and(|known| known != digest) {
                return Err(file.changed());
            }
        }
        Ok(digest)
    }

    fn rewind(&mut self) -> Result<(), PartError> {
        self.hasher = Hasher::new();
        match &mut self.place {
            Place::Memory { read, .. } => *read = 0,
            Place::File(file) => file.rewind()?,
        }
        Ok(())
    }

    fn digest(&mut self) -> Result<Digest, PartError> {
        self.rewind()?;
        let mut left = self.size();
        while left > 0 {
            let length = left.min(HASHED_AT_A_TIME);
            self.next(length)?;
            left -= length;
        }
        self.finish(None)
    }
}

fn to_usize(length: u64) -> Result<usize, PartError> {
    usize::try_from(length)
        .map_err(|_| PartError::new(Reason::FileRefused, "larger than the address space"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sources() -> (tempfile::TempDir, [Content; 2]) {
        let root = tempfile::TempDir::new().unwrap();
        std::fs::write(root.path().join("a"), "abcdef").unwrap();
        let file = Source::File {
            root: root.path().to_str().unwrap().to_owned(),
            path: "a".to_owned(),
        };
        let memory = Source::Memory(Bytes::from_static(b"abcdef"));
        let contents = [
            Content::open(file).await.unwrap(),
            Content::open(memory).await.unwrap(),
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
            assert_eq!(content.finish().await.unwrap(), Digest::of(b"abcdef"));
            let (bytes, digest) = content.whole().await.unwrap();
            assert_eq!(
                (bytes.as_ref(), digest),
                (&b"abcdef"[..], Digest::of(b"abcdef"))
            );
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
}
