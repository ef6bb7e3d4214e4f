//! How a part can fail, in the words of `mailvault/errors.py`.

use std::fmt;

/// Longest message, in characters: it goes to a log line and to a table.
const LONGEST_MESSAGE: usize = 400;

/// Longest key or path that a message repeats, in characters.
const LONGEST_NAME: usize = 160;

/// Why a part was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No file at the path that the source names.
    FileMissing,
    /// The operating system refuses to read the file.
    FileUnreadable,
    /// A path that leaves the root, or not a regular file.
    FileRefused,
    /// The file changed while it was read.
    FileChanged,
    /// The disk or the file server failed under the file.
    FileFault,
    /// No file descriptors or no memory left.
    OutOfResources,
    /// The directory that paths start from is not there.
    RootMissing,
    /// No connection to the store, or it went away.
    StoreUnreachable,
    /// The credentials are wrong, expired, or lack a right.
    StoreDenied,
    /// The bucket does not exist, or not at this endpoint.
    BucketMissing,
    /// The store asks us to slow down.
    StoreBusy,
    /// The store has no room left.
    StoreFull,
    /// The store does not know how to do what is asked (501).
    StoreUnable,
    /// The store failed (5xx), or did not answer in time.
    StoreFault,
    /// The store refuses this very request (4xx).
    StoreRefused,
    /// What arrived was not what was sent.
    Damaged,
    /// The key, and the name with the digest added, hold other content.
    KeyTaken,
}

impl Reason {
    /// All of them.
    pub(crate) const ALL: [Self; 17] = [
        Self::FileMissing,
        Self::FileUnreadable,
        Self::FileRefused,
        Self::FileChanged,
        Self::FileFault,
        Self::OutOfResources,
        Self::RootMissing,
        Self::StoreUnreachable,
        Self::StoreDenied,
        Self::BucketMissing,
        Self::StoreBusy,
        Self::StoreFull,
        Self::StoreUnable,
        Self::StoreFault,
        Self::StoreRefused,
        Self::Damaged,
        Self::KeyTaken,
    ];

    /// The word for it in Python and in the database.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::FileMissing => "file_missing",
            Self::FileUnreadable => "file_unreadable",
            Self::FileRefused => "file_refused",
            Self::FileChanged => "file_changed",
            Self::FileFault => "file_fault",
            Self::OutOfResources => "out_of_resources",
            Self::RootMissing => "root_missing",
            Self::StoreUnreachable => "store_unreachable",
            Self::StoreDenied => "store_denied",
            Self::BucketMissing => "bucket_missing",
            Self::StoreBusy => "store_busy",
            Self::StoreFull => "store_full",
            Self::StoreUnable => "store_unable",
            Self::StoreFault => "store_fault",
            Self::StoreRefused => "store_refused",
            Self::Damaged => "damaged",
            Self::KeyTaken => "key_taken",
        }
    }

    /// Whether another attempt can help.
    pub(crate) fn retryable(self) -> bool {
        self.systemic()
            || matches!(
                self,
                Self::FileChanged | Self::FileFault | Self::StoreFault | Self::Damaged
            )
    }

    /// Whether the fault is the system's and not the part's.
    pub(crate) fn systemic(self) -> bool {
        matches!(
            self,
            Self::OutOfResources
                | Self::RootMissing
                | Self::StoreUnreachable
                | Self::StoreDenied
                | Self::BucketMissing
                | Self::StoreBusy
                | Self::StoreFull
                | Self::StoreUnable
        )
    }
}

/// Why a part was not stored, and a line about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartError {
    reason: Reason,
    message: String,
}

impl PartError {
    /// Makes the message one line of bounded length.
    pub(crate) fn new(reason: Reason, message: impl AsRef<str>) -> Self {
        Self {
            reason,
            message: one_line(message.as_ref(), LONGEST_MESSAGE),
        }
    }

    /// Why.
    pub(crate) fn reason(&self) -> Reason {
        self.reason
    }

    /// What failed, on what.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason.word(), self.message)
    }
}

/// A key or a path as a message repeats it: one line, not too long.
pub(crate) fn name(text: &str) -> String {
    one_line(text, LONGEST_NAME)
}

fn one_line(text: &str, longest: usize) -> String {
    let printable = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    let mut line: String = text.chars().take(longest).map(printable).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let error = PartError::new(Reason::Damaged, format!("a\nb\0c{}", "x".repeat(1000)));
        assert!(error.message().starts_with("a b cxxx"));
        assert_eq!(error.message().chars().count(), LONGEST_MESSAGE + 1);
        assert!(error.to_string().starts_with("damaged: a b c"));
    }

    #[test]
    fn each_word_is_used_once() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
