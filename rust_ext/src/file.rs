//! Files to be sent: opened below a root that they cannot leave, and watched while they are read.
//!
//! Paths come from the application's database and are hostile. All calls here block.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

use crate::error::{PartError, Reason, name};

/// A regular file below its root, open for reading.
pub(crate) struct SourceFile {
    file: File,
    path: String,
    size: u64,
    modified: SystemTime,
}

impl SourceFile {
    /// Opens `path` below the directory `root`.
    ///
    /// Links are followed as long as they stay below the root. The size is that of the open
    /// file.
    pub(crate) fn open(root: &str, path: &str) -> Result<Self, PartError> {
        let directory = Dir::open_ambient_dir(root, ambient_authority())
            .map_err(|error| no_root(root, &error))?;
        if path.contains('\0') {
            let text = "has a NUL character in its name";
            return Err(failure(Reason::FileRefused, path, text));
        }
        let mut options = OpenOptions::new();
        // A FIFO without a writer would block for ever.
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = directory
            .open_with(path, &options)
            .map_err(|error| refused(path, &error))?
            .into_std();
        let metadata = file.metadata().map_err(|error| refused(path, &error))?;
        if !metadata.is_file() {
            return Err(failure(Reason::FileRefused, path, "not a regular file"));
        }
        Ok(Self {
            path: name(path),
            size: metadata.size(),
            modified: modified(path, &metadata)?,
            file,
        })
    }

    /// Bytes, as of when the file was opened.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads the next `length` bytes, all of them.
    pub(crate) fn read(&mut self, length: usize) -> Result<Bytes, PartError> {
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length)
            .map_err(|_| refused(&self.path, &ErrorKind::OutOfMemory.into()))?;
        (&self.file)
            .take(length as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| refused(&self.path, &error))?;
        if bytes.len() < length {
            return Err(self.changed());
        }
        Ok(Bytes::from(bytes))
    }

    /// Goes back to the first byte.
    pub(crate) fn rewind(&mut self) -> Result<(), PartError> {
        self.file
            .rewind()
            .map_err(|error| refused(&self.path, &error))
    }

    /// Checks that what was read is one state of the file: same size and time as when opened.
    pub(crate) fn check_unchanged(&self) -> Result<(), PartError> {
        let metadata = self
            .file
            .metadata()
            .map_err(|error| refused(&self.path, &error))?;
        if metadata.size() == self.size && modified(&self.path, &metadata)? == self.modified {
            return Ok(());
        }
        Err(self.changed())
    }

    /// The error of a file that is not what it was.
    pub(crate) fn changed(&self) -> PartError {
        failure(Reason::FileChanged, &self.path, "changed while it was read")
    }
}

fn modified(path: &str, metadata: &Metadata) -> Result<SystemTime, PartError> {
    metadata.modified().map_err(|error| refused(path, &error))
}

fn failure(reason: Reason, path: &str, what: &str) -> PartError {
    PartError::new(reason, format!("file {}: {what}", name(path)))
}

fn no_root(root: &str, error: &io::Error) -> PartError {
    let reason = fault(error).filter(|&reason| reason == Reason::OutOfResources);
    let text = format!(
        "the directory that files are read from, {}: {error}",
        name(root)
    );
    PartError::new(reason.unwrap_or(Reason::RootMissing), text)
}

/// What is no fault of the file: the next attempt may find the system well again.
fn fault(error: &io::Error) -> Option<Reason> {
    match (error.raw_os_error(), error.kind()) {
        (Some(libc::EMFILE | libc::ENFILE), _) | (_, ErrorKind::OutOfMemory) => {
            Some(Reason::OutOfResources)
        }
        (Some(libc::EIO | libc::ESTALE | libc::ETIMEDOUT), _) => Some(Reason::FileFault),
        _ => None,
    }
}

fn refused(path: &str, error: &io::Error) -> PartError {
    let refuse = |what| failure(Reason::FileRefused, path, what);
    match (error.raw_os_error(), error.kind()) {
        (None, ErrorKind::PermissionDenied) => refuse("leads out of the root directory"),
        (Some(libc::ENAMETOOLONG), _) => refuse("has too long a name for the file system"),
        (Some(libc::ELOOP), _) => refuse("is a loop of links"),
        (Some(libc::ENXIO), _) => refuse("not a regular file"),
        (_, ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            failure(Reason::FileMissing, path, "no such file")
        }
        _ => failure(
            fault(error).unwrap_or(Reason::FileUnreadable),
            path,
            &error.to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    fn tree() -> (TempDir, String) {
        let tree = TempDir::new().unwrap();
        fs::create_dir_all(tree.path().join("root/sub")).unwrap();
        fs::write(tree.path().join("secret"), "out of the root").unwrap();
        fs::write(tree.path().join("root/a"), "abc").unwrap();
        let root = tree.path().join("root").to_str().unwrap().to_owned();
        (tree, root)
    }

    fn reason(root: &str, path: &str) -> Reason {
        SourceFile::open(root, path).err().unwrap().reason()
    }

    #[test]
    fn a_path_cannot_leave_the_root() {
        let (tree, root) = tree();
        let secret = tree.path().join("secret");
        symlink(&secret, tree.path().join("root/absolute")).unwrap();
        symlink("../../secret", tree.path().join("root/sub/relative")).unwrap();
        symlink("../..", tree.path().join("root/sub/up")).unwrap();
        for path in [
            "../secret",
            "sub/../../secret",
            secret.to_str().unwrap(),
            "absolute",
            "sub/relative",
            "sub/up/secret",
            "a\0b",
            &"x".repeat(300),
        ] {
            assert_eq!(reason(&root, path), Reason::FileRefused, "{path:?}");
        }
    }

    #[test]
    fn a_link_below_the_root_is_followed() {
        let (tree, root) = tree();
        symlink("../a", tree.path().join("root/sub/link")).unwrap();
        for path in ["sub/link", "sub/../a"] {
            let mut file = SourceFile::open(&root, path).unwrap();
            assert_eq!(file.read(3).unwrap(), "abc");
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        let (tree, root) = tree();
        let fifo = tree.path().join("root/fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let _socket = UnixListener::bind(tree.path().join("root/socket")).unwrap();
        symlink("loop", tree.path().join("root/loop")).unwrap();
        for path in ["fifo", "socket", "sub", ".", "loop"] {
            assert_eq!(reason(&root, path), Reason::FileRefused, "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_apart() {
        let (_tree, root) = tree();
        for path in ["missing", "a/b", "sub/missing", ""] {
            assert_eq!(reason(&root, path), Reason::FileMissing, "{path}");
        }
        assert_eq!(reason(&format!("{root}/missing"), "a"), Reason::RootMissing);
    }

    #[test]
    fn a_fault_of_the_system_is_not_the_files() {
        for (number, of_file, of_root) in [
            (libc::EMFILE, Reason::OutOfResources, Reason::OutOfResources),
            (libc::ENFILE, Reason::OutOfResources, Reason::OutOfResources),
            (libc::ENOMEM, Reason::OutOfResources, Reason::OutOfResources),
            (libc::EIO, Reason::FileFault, Reason::RootMissing),
            (libc::ESTALE, Reason::FileFault, Reason::RootMissing),
            (libc::ETIMEDOUT, Reason::FileFault, Reason::RootMissing),
            (libc::EACCES, Reason::FileUnreadable, Reason::RootMissing),
            (libc::EPERM, Reason::FileUnreadable, Reason::RootMissing),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(refused("a", &error).reason(), of_file, "{error}");
            assert_eq!(no_root("/r", &error).reason(), of_root, "{error}");
        }
    }

    #[test]
    fn more_than_the_memory_is_no_abort() {
        let (_tree, root) = tree();
        let mut file = SourceFile::open(&root, "a").unwrap();
        let error = file.read(isize::MAX as usize).unwrap_err();
        assert_eq!(error.reason(), Reason::OutOfResources);
    }

    #[test]
    fn a_change_while_reading_is_noticed() {
        let (tree, root) = tree();
        let path = tree.path().join("root/a");
        let changes: [fn(&std::path::Path); 3] = [
            |path| fs::write(path, "ab").unwrap(),
            |path| fs::write(path, "abcd").unwrap(),
            |path| {
                let earlier = SystemTime::now() - Duration::from_secs(60);
                let file = File::options().write(true).open(path).unwrap();
                file.set_modified(earlier).unwrap();
            },
        ];
        for change in changes {
            fs::write(&path, "abc").unwrap();
            let mut file = SourceFile::open(&root, "a").unwrap();
            change(&path);
            let error = file.read(3).and_then(|_| file.check_unchanged());
            assert_eq!(error.unwrap_err().reason(), Reason::FileChanged);
        }
    }
}
