//! The journal's file as `redb` sees it: bounded, reserved ahead, and remembered when it fails.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend, StorageError};

use super::store::JournalError;
use crate::config::{JournalKnobs, Sync};
use crate::sync::{Arc, Mutex};

/// What is put between the journal and its file. Tests put faults there.
pub(super) type Between = Box<dyn Fn(FileBackend) -> Box<dyn StorageBackend> + Send>;

/// Nothing: the file as it is.
pub(super) fn nothing() -> Between {
    Box::new(|file| Box::new(file))
}

/// The first failure of a file since it was opened: `redb` goes on to others. A failed sync is
/// worse than what came before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<Mutex<Option<Failure>>>);

#[derive(Clone, Debug)]
struct Failure {
    act: Act,
    kind: io::ErrorKind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read,
    Write,
    Grow,
    Sync,
}

impl Health {
    fn note<T>(&self, act: Act, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            let failure = Failure { act, kind: error.kind(), text: error.to_string() };
            let mut first = self.0.lock();
            // P11: `redb` may go on after a failed write, of pages that it still has, but
            // nothing goes on after a failed sync.
            if first.as_ref().is_none_or(|f| act == Act::Sync && f.act != Act::Sync) {
                *first = Some(failure);
            }
        })
    }

    /// What an error came from, if the file has failed.
    pub(super) fn or(&self, name: &str, error: JournalError) -> JournalError {
        if self.0.lock().is_none() { error } else { self.explain(name, &error) }
    }

    /// What a failed commit came from.
    pub(super) fn explain(&self, name: &str, other: &impl std::fmt::Display) -> JournalError {
        let Some(Failure { act, kind, text }) = self.0.lock().clone() else {
            return JournalError::Damaged(format!("{name}: {other}").into());
        };
        let full =
            [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        match act {
            Act::Sync => JournalError::Poisoned(
                format!(
                    "{name}: it could not be synced ({text}), so that nobody knows what is on the \
                     disk: look at the disk, then open the journal anew"
                )
                .into(),
            ),
            Act::Write | Act::Grow if full.contains(&kind) => {
                JournalError::Full(format!("{name}: no room to write to: {text}").into())
            }
            Act::Write | Act::Grow => {
                JournalError::Failed(format!("{name}: it could not be written: {text}").into())
            }
            Act::Read if kind == io::ErrorKind::UnexpectedEof => {
                JournalError::Damaged(format!("{name}: it ends before its last page").into())
            }
            Act::Read => {
                JournalError::Failed(format!("{name}: it could not be read: {text}").into())
            }
        }
    }
}

/// What is there is not what was written, or cannot be read.
pub(super) fn damaged(name: &str, error: &(impl fmt::Display + ?Sized)) -> JournalError {
    JournalError::Damaged(format!("{name}: {error}").into())
}

/// Why a file could not be opened.
pub(super) fn not_opened(name: &str, error: &DatabaseError, health: &Health) -> JournalError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            JournalError::Locked(format!("{name}: another process has the journal open").into())
        }
        DatabaseError::UpgradeRequired(version) => {
            let text = format!("{name}: file format {version} of redb, which is too old");
            JournalError::Format(text.into())
        }
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == io::ErrorKind::InvalidData =>
        {
            let text = format!(
                "{name}: not a journal, or its first bytes are damaged ({error}): restore the \
                 file, or name another"
            );
            JournalError::Format(text.into())
        }
        DatabaseError::Storage(StorageError::Io(_)) => health.explain(name, error),
        error => damaged(name, error),
    }
}

/// One file behind `redb`.
#[derive(Debug)]
pub(super) struct Disk {
    file: Box<dyn StorageBackend>,
    /// For what the backend does not offer.
    raw: File,
    sync: Sync,
    most: u64,
    health: Health,
}

impl Disk {
    /// Opens the file, or makes it: mode 0600, and its name on the disk before anything is in it.
    pub(super) fn open(
        path: &Path,
        between: &Between,
        knobs: &JournalKnobs,
        health: Health,
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let file = match options.clone().create_new(true).open(path) {
            Ok(file) => {
                sync_folder(path)?;
                file
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path)?,
            Err(error) => return Err(error),
        };
        let raw = file.try_clone()?;
        let file = between(FileBackend::new(file).map_err(io::Error::other)?);
        Ok(Self { file, raw, sync: knobs.sync, most: knobs.max_bytes, health })
    }

    /// Room on the disk for what lies between, so that only growth can find it full. A file system
    /// that cannot reserve finds out later.
    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        loop {
            match fallocate(&self.raw, FallocateFlags::empty(), from, to - from) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn resize(&self, len: u64) -> io::Result<()> {
        let now = self.file.len()?;
        if len > now && len > self.most {
            let text = format!("journal.max_bytes = {} is reached", self.most);
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        self.file.set_len(len)?;
        if len > now
            && let Err(error) = self.reserve(now, len)
        {
            // Holes would find no room later, in the middle of a commit.
            let _ = self.file.set_len(now);
            return Err(error);
        }
        Ok(())
    }
}

/// The name of a file is on the disk as well.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.health.note(Act::Read, self.file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.health.note(Act::Grow, self.resize(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.sync {
            Sync::Os => Ok(()),
            Sync::Always | Sync::Group => self.health.note(Act::Sync, self.file.sync_data()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.health.note(Act::Write, self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
