//! One pass over the bytes of a part: read in order and hashed, and on request compressed. All
//! calls here block.

use std::io::{self, Write as _};
use std::mem::replace;

use bytes::Bytes;

use crate::digest::{Digest, Hasher};
use crate::encoding::{Encoder, Encoding};
use crate::error::{PartError, Reason};
use crate::file::SourceFile;
use crate::part::{Original, Payload};

/// How much is read at a time where it is only hashed, or compressed.
const READ_AT_A_TIME: u64 = 256 * 1024;

/// Where the bytes are.
pub(crate) enum Place {
    Memory(Bytes),
    File(SourceFile),
}

/// Reads a part's bytes, as they are or compressed.
pub(crate) struct Reader {
    plain: Plain,
    coding: Option<Coding>,
}

impl Reader {
    pub(crate) fn new(place: Place) -> Self {
        let plain = Plain {
            size: match &place {
                Place::Memory(bytes) => bytes.len() as u64,
                Place::File(file) => file.size(),
            },
            place,
            read: 0,
            hasher: Hasher::new(),
        };
        Self {
            plain,
            coding: None,
        }
    }

    /// Bytes in all, as they are.
    pub(crate) fn size(&self) -> u64 {
        self.plain.size
    }

    /// Begins anew, with the first byte.
    pub(crate) fn rewind(&mut self, encoding: Option<Encoding>) -> Result<(), PartError> {
        self.plain.rewind()?;
        self.coding = match encoding {
            Some(encoding) => Some(Coding::new(encoding, self.plain.size)?),
            None => None,
        };
        Ok(())
    }

    /// Returns the next `length` bytes; fewer only at the end.
    pub(crate) fn next(&mut self, length: u64) -> Result<Bytes, PartError> {
        match &mut self.coding {
            Some(coding) => coding.next(&mut self.plain, to_usize(length)?),
            None => self.plain.next(length),
        }
    }

    /// Checks that all was read as it was before, and says what it was.
    pub(crate) fn finish(&mut self, known: Option<Digest>) -> Result<Payload, PartError> {
        let (size, digest) = (self.plain.size, self.plain.finish(known)?);
        Ok(match self.coding.take() {
            None => Payload::plain(size, digest),
            Some(coding) => Payload {
                size: coding.size,
                digest: coding.hasher.finish(),
                original: Some(Original {
                    encoding: coding.encoding,
                    size,
                    digest,
                }),
            },
        })
    }

    /// Reads everything, compressed where that saves a twentieth.
    pub(crate) fn whole(
        &mut self,
        encoding: Option<Encoding>,
        known: Option<Digest>,
    ) -> Result<(Bytes, Payload), PartError> {
        let size = self.size();
        self.rewind(encoding)?;
        let mut bytes = self.next(size)?;
        if encoding.is_some() && bytes.len() as u64 >= size - size / 20 {
            drop(bytes);
            self.rewind(None)?;
            bytes = self.next(size)?;
        }
        Ok((bytes, self.finish(known)?))
    }

    /// Reads everything for its digest alone.
    pub(crate) fn digest(&mut self) -> Result<Digest, PartError> {
        self.rewind(None)?;
        while !self.plain.next(READ_AT_A_TIME)?.is_empty() {}
        self.plain.finish(None)
    }
}

/// The bytes as they are.
struct Plain {
    place: Place,
    size: u64,
    read: u64,
    hasher: Hasher,
}

impl Plain {
    fn next(&mut self, length: u64) -> Result<Bytes, PartError> {
        let length = length.min(self.size - self.read);
        let bytes = match &mut self.place {
            Place::Memory(bytes) => {
                let start = to_usize(self.read)?;
                bytes.slice(start..start + to_usize(length)?)
            }
            Place::File(file) => file.read(to_usize(length)?)?,
        };
        self.read += length;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    fn rewind(&mut self) -> Result<(), PartError> {
        self.hasher = Hasher::new();
        self.read = 0;
        match &mut self.place {
            Place::Memory(_) => Ok(()),
            Place::File(file) => file.rewind(),
        }
    }

    fn finish(&mut self, known: Option<Digest>) -> Result<Digest, PartError> {
        let digest = replace(&mut self.hasher, Hasher::new()).finish();
        if let Place::File(file) = &self.place {
            file.check_unchanged()?;
            if known.is_some_and(|known| known != digest) {
                return Err(file.changed());
            }
        }
        Ok(digest)
    }
}

/// The bytes as they are sent, compressed.
struct Coding {
    encoding: Encoding,
    encoder: Box<dyn Encoder>,
    ended: bool,
    size: u64,
    hasher: Hasher,
}

impl Coding {
    fn new(encoding: Encoding, size: u64) -> Result<Self, PartError> {
        Ok(Self {
            encoding,
            encoder: encoding.encoder(size).map_err(failed)?,
            ended: false,
            size: 0,
            hasher: Hasher::new(),
        })
    }

    fn next(&mut self, plain: &mut Plain, length: usize) -> Result<Bytes, PartError> {
        while !self.ended && self.encoder.output().len() < length {
            let bytes = plain.next(READ_AT_A_TIME)?;
            self.encoder.write_all(&bytes).map_err(failed)?;
            if plain.read == plain.size {
                self.encoder.end().map_err(failed)?;
                self.ended = true;
            }
        }
        let output = self.encoder.output();
        let rest = output.split_off(length.min(output.len()));
        let bytes = Bytes::from(replace(output, rest));
        self.size += bytes.len() as u64;
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn failed(error: io::Error) -> PartError {
    PartError::new(Reason::OutOfResources, format!("compressing: {error}"))
}

fn to_usize(length: u64) -> Result<usize, PartError> {
    usize::try_from(length)
        .map_err(|_| PartError::new(Reason::FileRefused, "larger than the address space"))
}
