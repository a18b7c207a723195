//! A folder of private files, held by a handle: names are looked up in it and nowhere else, and no
//! symbolic link is followed.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, open, openat, statat};
use rustix::io::Errno;

use crate::model::Error;

/// Only its owner may enter it.
const FOLDER: u32 = 0o700;
/// Only its owner may read and write it.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Lines go to the end, wherever that is by then. A pipe or a terminal of that name is not waited
/// for before it is refused.
const APPENDING: OFlags = OFlags::RDWR
    .union(OFlags::APPEND)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

/// Makes a folder that is its owner's, whatever the umask takes away.
fn make(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(FOLDER).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(FOLDER)),
        // Somebody was quicker: it is looked at like any that was there before.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

impl Folder {
    /// Opens a folder; makes it first, for its owner alone, if there is none.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let said = |error: &dyn std::fmt::Display| {
            Error::System(format!("transcripts.dir = \"{}\": {error}", path.display()))
        };
        let absolute = std::path::absolute(path).map_err(|e| said(&e))?;
        if absolute.symlink_metadata().is_err() {
            make(&absolute).map_err(|e| said(&e))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = open(&absolute, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP | Errno::NOTDIR => {
                said(&"a symbolic link or a file: it must be a folder, or not there")
            }
            errno => said(&errno),
        })?;
        Ok(Self { path: absolute, handle })
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let found = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// Opens a file to read and append to; none if it is not there.
    pub(super) fn existing(&self, name: &str) -> io::Result<Option<File>> {
        match openat(&self.handle, name, APPENDING, Mode::empty()) {
            Ok(handle) => self.regular(name, handle.into()).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.refused(name, errno)),
        }
    }

    /// Opens a file to read and append to; makes it if it is not there.
    pub(super) fn file(&self, name: &str) -> io::Result<File> {
        if let Some(file) = self.existing(name)? {
            return Ok(file);
        }
        let handle = openat(&self.handle, name, APPENDING | OFlags::CREATE, PRIVATE)
            .map_err(|errno| self.refused(name, errno))?;
        fchmod(&handle, PRIVATE)?;
        self.regular(name, handle.into())
    }

    fn regular(&self, name: &str, file: File) -> io::Result<File> {
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Err(self.wrong(name, "something else than a file is in its place"))
    }

    fn refused(&self, name: &str, errno: Errno) -> io::Error {
        match errno {
            Errno::LOOP => self.wrong(name, "a symbolic link is in its place"),
            errno => {
                let text = format!("{}: {errno}", self.path_of(name).display());
                io::Error::new(io::Error::from(errno).kind(), text)
            }
        }
    }

    fn wrong(&self, name: &str, what: &str) -> io::Error {
        io::Error::other(format!("{}: {what}", self.path_of(name).display()))
    }
}
