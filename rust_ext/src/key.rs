//! Object keys: which are valid, and the name with the digest in it.

use object_store::path::Path;

use crate::digest::{Digest, hex};
use crate::error::{PartError, Reason, name};

/// What S3 allows, in bytes.
const LONGEST_KEY: usize = 1024;

/// Checks a key. What a client would change on the way (`a//b`, `/a`, `..`) is refused, so that
/// the key in the ledger is the key at the store.
pub(crate) fn parse(key: &str) -> Result<Path, PartError> {
    let path = Path::parse(key).ok().filter(|path| path.as_ref() == key);
    match path {
        Some(path) if !key.is_empty() && key.len() <= LONGEST_KEY => Ok(path),
        _ => Err(PartError::new(
            Reason::StoreRefused,
            format!("{}: not a valid object key", name(key)),
        )),
    }
}

/// What stands for the digest in a key.
const DIGEST: &str = "{sha256}";

/// What stands for its first two digits, and for the next two.
const STARTS: [&str; 2] = ["{sha256[0:2]}", "{sha256[2:4]}"];

/// Whether a key is made of the digest.
pub(crate) fn is_of_content(key: &str) -> bool {
    key.contains(DIGEST)
}

/// The key with the digest in its place: all parts that are equal go where it says.
pub(crate) fn of_content(key: &str, digest: &Digest) -> String {
    let digest = hex(digest.as_bytes());
    key.replace(DIGEST, &digest)
        .replace(STARTS[0], &digest[..2])
        .replace(STARTS[1], &digest[2..4])
}

/// `a/b/name.ext` as `a/b/name.<start of digest>.ext`: where the part goes when other content
/// holds its key.
pub(crate) fn with_digest(key: &str, digest: &Digest) -> String {
    let start = key.rfind('/').map_or(0, |slash| slash + 1);
    let suffix = match key[start..].rfind('.') {
        Some(dot) if dot > 0 => start + dot,
        _ => key.len(),
    };
    format!("{}.{}{}", &key[..suffix], digest.short(), &key[suffix..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_client_would_change_are_refused() {
        for key in [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "a/../b",
            "a\nb",
            &"x".repeat(1025),
        ] {
            let error = parse(key).unwrap_err();
            assert_eq!(error.reason(), Reason::StoreRefused, "{key}");
        }
        for key in ["a", "a/%2F b+ü.html", "a/.b", &"x".repeat(1024)] {
            assert_eq!(parse(key).unwrap().as_ref(), key);
        }
    }

    #[test]
    fn equal_content_has_one_key() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (key, expected) in [
            ("{sha256}", digest.to_owned()),
            (
                "{sha256[0:2]}/{sha256[2:4]}/{sha256}",
                format!("ba/78/{digest}"),
            ),
            ("mail/{sha256}.eml", format!("mail/{digest}.eml")),
        ] {
            assert!(is_of_content(key));
            assert_eq!(of_content(key, &Digest::of(b"abc")), expected);
        }
        assert!(!is_of_content("emails/{sha}"));
    }

    #[test]
    fn the_digest_goes_before_the_suffix() {
        let digest = Digest::of(b"abc");
        for (key, expected) in [
            ("a/b/name.ext", "a/b/name.ba7816bf8f01.ext"),
            ("name.tar.gz", "name.tar.ba7816bf8f01.gz"),
            ("a.b/name", "a.b/name.ba7816bf8f01"),
            ("a/.name", "a/.name.ba7816bf8f01"),
            ("name.", "name.ba7816bf8f01."),
        ] {
            assert_eq!(with_digest(key, &digest), expected);
        }
    }
}
