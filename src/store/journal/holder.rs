//! Who holds a journal, and how far it has come: a small text beside the file.
//!
//! `redb` rolls a last commit back that is not whole, as after a loss of power. Whether that commit
//! had been acknowledged, only a second witness can say. The number here is written after each
//! sync, so that it is never ahead of what is on the disk.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::store::JournalError;
use crate::config::Sync;

/// More than the line has; nothing behind it is read.
const LINE: u64 = 256;

/// The open text; the lock on it goes with the process.
#[derive(Debug)]
pub(super) struct Holder {
    file: File,
    sync: Sync,
    before: Before,
}

/// What the text says of the former holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// There was none: the text was made now, or a loss of power came before its first line.
    Nobody,
    /// Somebody: what cannot be read is no witness of any commit.
    Unreadable,
    /// The number of its last commit, and how it synced.
    Seen(u64, Sync),
}

/// Where the text of a journal is.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

fn failed(name: &Path, error: &io::Error) -> JournalError {
    JournalError::Failed(format!("{}: {error}", name.display()).into())
}

/// One line, always of the same length.
fn words(pid: u32, sync: Sync, commit: u64) -> String {
    format!("held by process {pid:<10} sync {:<6} commit {commit:<20}\n", sync.as_str())
}

/// What the first line says. P11: whatever is behind it is left of a text that was written over,
/// and makes no witness unreadable. It is not cut off, as a crash in between would leave nothing.
fn parse(text: &[u8]) -> Option<(u32, Sync, u64)> {
    let line = text.split(|byte| *byte == b'\n').next()?;
    let mut words = str::from_utf8(line).ok()?.split_whitespace();
    let mut after = |word: &str| words.by_ref().skip_while(|w| *w != word).nth(1);
    let pid = after("process")?.parse().ok()?;
    let sync = after("sync")?.parse().ok()?;
    Some((pid, sync, after("commit")?.parse().ok()?))
}

impl Before {
    fn of(text: &[u8]) -> Self {
        if text.iter().all(|byte| *byte == 0) {
            return Self::Nobody;
        }
        parse(text).map_or(Self::Unreadable, |(_, sync, commit)| Self::Seen(commit, sync))
    }
}

impl Holder {
    /// Takes the journal of this path, or says who has it.
    pub(super) fn take(path: &Path, sync: Sync) -> Result<Self, JournalError> {
        let name = beside(path);
        let wrong = |error: io::Error| failed(&name, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        // It is written to: a link that others have put there must not lead elsewhere.
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let file = options.open(&name).map_err(wrong)?;
        let locked = file.try_lock();
        let mut text = Vec::new();
        (&file).take(LINE).read_to_end(&mut text).map_err(wrong)?;
        match locked {
            Ok(()) => {
                let holder = Self { file, sync, before: Before::of(&text) };
                // The name of the new holder, and what the former one has seen.
                match holder.before {
                    Before::Nobody => holder.write(sync, 0),
                    Before::Seen(commit, seen) => holder.write(seen, commit),
                    // It stays until a journal is found beside it.
                    Before::Unreadable => {}
                }
                Ok(holder)
            }
            Err(TryLockError::WouldBlock) => {
                let by = parse(&text)
                    .map_or("another process".to_owned(), |(pid, ..)| format!("process {pid}"));
                let text = format!("{}: the journal is held by {by}", path.display());
                Err(JournalError::Locked(text.into()))
            }
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }

    /// There is no file, or nothing in it: nobody must have had one. P11: its name and its first
    /// commit are synced before anybody has it, however it is synced afterwards, so that no loss of
    /// power takes it away.
    pub(super) fn misses(&self, name: &str) -> Result<(), JournalError> {
        let had = match self.before {
            Before::Nobody | Before::Seen(0, _) => return Ok(()),
            Before::Seen(seen, _) => format!("{name}.lock tells of commit {seen}"),
            Before::Unreadable => format!("{name}.lock is there, and cannot be read"),
        };
        let text = format!(
            "{name}: the file is missing or empty, but {had}. Restore the file; or remove \
             {name}.lock to begin a new journal"
        );
        Err(JournalError::Damaged(text.into()))
    }

    /// Compares the journal's last commit with what the former holder had seen synced. From then
    /// on the text is a witness, whatever it was before.
    pub(super) fn compare(&self, commit: u64, name: &str) -> Result<(), JournalError> {
        match self.before {
            Before::Seen(seen, sync) if seen > commit => {
                let text = format!(
                    "{name}: it ends with commit {commit}, but commit {seen} was on the disk: \
                     what came after is damaged or missing. Restore the file; or remove \
                     {name}.lock to go on without"
                );
                if sync == Sync::Os {
                    log::warn!(target: "laneq", "{text} (it was not synced: sync = \"os\")");
                    return Ok(());
                }
                Err(JournalError::Damaged(text.into()))
            }
            Before::Unreadable => {
                log::warn!(
                    target: "laneq",
                    "{name}.lock cannot be read: nobody knows whether {name} ends where it should"
                );
                self.write(self.sync, 0);
                Ok(())
            }
            Before::Seen(..) | Before::Nobody => Ok(()),
        }
    }

    /// This commit is on the disk. A failure leaves an older number, which is right as well.
    pub(super) fn committed(&self, commit: u64) {
        self.write(self.sync, commit);
    }

    fn write(&self, sync: Sync, commit: u64) {
        let words = words(std::process::id(), sync, commit);
        let _ = self.file.write_all_at(words.as_bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_anything_else_is_no_witness() {
        assert_eq!(parse(words(42, Sync::Group, 7).as_bytes()), Some((42, Sync::Group, 7)));
        assert_eq!(words(1, Sync::Os, 1).len(), words(u32::MAX, Sync::Always, u64::MAX).len());
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"held by process x sync group commit 7"), None);
        assert_eq!(Before::of(words(1, Sync::Os, 3).as_bytes()), Before::Seen(3, Sync::Os));
        assert_eq!([Before::of(b""), Before::of(&[0; 90])], [Before::Nobody; 2]);
        assert_eq!(Before::of(b"held by nobody"), Before::Unreadable);
        let over = [words(1, Sync::Os, 3).as_bytes(), &[0xFF; 9]].concat();
        assert_eq!(Before::of(&over), Before::Seen(3, Sync::Os), "what is behind is nothing");
    }
}
