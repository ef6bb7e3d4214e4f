//! Content-Encoding: bytes that go to the store compressed, and what they stand for.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{GzEncoder, MultiGzDecoder};
use zstd::stream::{raw, write, zio};
use zstd::zstd_safe::DParameter;

use crate::digest::{Digest, Hasher};

/// zlib's and zstd's own: more takes several times as long for a few percent.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// The largest window, as a power of two, that RFC 9659 allows in a Content-Encoding.
const ZSTD_WINDOW: u32 = 23;

/// How an object's bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Zstd,
}

impl Encoding {
    /// What a Content-Encoding says; None for what is not ours.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// As a Content-Encoding.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses what is written to it, `size` bytes in all.
    pub(crate) fn encoder(self, size: u64) -> io::Result<Box<dyn Encoder>> {
        Ok(match self {
            Self::Gzip => Box::new(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Self::Zstd => {
                let mut encoder = write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.set_pledged_src_size(Some(size))?; // small bytes need little memory
                Box::new(encoder)
            }
        })
    }

    /// Hashes what is written to it, decompressed; to write more than `limit` is an error.
    pub(crate) fn decoder(self, limit: u64) -> io::Result<Box<dyn Decoder>> {
        let measure = Measure {
            hasher: Hasher::new(),
            size: 0,
            limit,
        };
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(measure)),
            Self::Zstd => {
                let mut decoder = raw::Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW))?;
                Box::new(zio::Writer::new(measure, decoder))
            }
        })
    }
}

/// A compression under way.
pub(crate) trait Encoder: Write + Send {
    /// Puts what is still inside into the output.
    fn end(&mut self) -> io::Result<()>;
    /// The compressed bytes so far, to be taken out.
    fn output(&mut self) -> &mut Vec<u8>;
}

impl Encoder for GzEncoder<Vec<u8>> {
    fn end(&mut self) -> io::Result<()> {
        self.try_finish()
    }

    fn output(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }
}

impl Encoder for write::Encoder<'static, Vec<u8>> {
    fn end(&mut self) -> io::Result<()> {
        self.do_finish()
    }

    fn output(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }
}

/// A decompression under way, of which only size and digest are kept.
pub(crate) trait Decoder: Write + Send {
    /// The size and the digest of all bytes; an error where the last ones are missing.
    fn finish(self: Box<Self>) -> io::Result<(u64, Digest)>;
}

impl Decoder for MultiGzDecoder<Measure> {
    fn finish(self: Box<Self>) -> io::Result<(u64, Digest)> {
        MultiGzDecoder::finish(*self).map(Measure::finish)
    }
}

impl Decoder for zio::Writer<Measure, raw::Decoder<'static>> {
    fn finish(mut self: Box<Self>) -> io::Result<(u64, Digest)> {
        zio::Writer::finish(&mut self)?;
        Ok(self.into_inner().0.finish())
    }
}

/// Counts and hashes bytes, up to a limit: a small object can stand for terabytes.
pub(crate) struct Measure {
    hasher: Hasher,
    size: u64,
    limit: u64,
}

impl Measure {
    fn finish(self) -> (u64, Digest) {
        (self.size, self.hasher.finish())
    }
}

impl Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

    pub(crate) fn encoded(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut encoder = encoding.encoder(bytes.len() as u64).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.end().unwrap();
        std::mem::take(encoder.output())
    }

    fn decoded(encoding: Encoding, bytes: &[u8], limit: u64) -> io::Result<(u64, Digest)> {
        let mut decoder = encoding.decoder(limit)?;
        for piece in bytes.chunks(7) {
            decoder.write_all(piece)?;
        }
        decoder.finish()
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let text = b"again and ".repeat(1000);
        for encoding in BOTH {
            assert_eq!(Encoding::parse(encoding.word()), Some(encoding));
            for size in [0, 1, 10_000] {
                let bytes = encoded(encoding, &text[..size]);
                let found = decoded(encoding, &bytes, 10_000).unwrap();
                assert_eq!(found, (size as u64, Digest::of(&text[..size])));
                let twice = [bytes.clone(), bytes].concat();
                assert_eq!(decoded(encoding, &twice, 20_000).unwrap().0, 2 * found.0);
            }
        }
    }

    #[test]
    fn what_is_cut_or_damaged_or_too_large_is_an_error() {
        let text = b"again and ".repeat(1000);
        for encoding in BOTH {
            let bytes = encoded(encoding, &text);
            assert!(decoded(encoding, &bytes, 9_999).is_err());
            assert!(decoded(encoding, &text, 10_000).is_err());
            for cut in 1..bytes.len() {
                assert!(decoded(encoding, &bytes[..cut], 10_000).is_err(), "{cut}");
            }
        }
    }
}
