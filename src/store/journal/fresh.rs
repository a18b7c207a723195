//! A journal that is made: whole, or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Between, sync_folder};
use super::redb::{Check, open, write};
use super::store::JournalError;
use crate::config::{JournalKnobs, Sync};

/// Whether there is nothing yet that could be opened.
pub(super) fn is_new(path: &Path) -> bool {
    path.metadata().map_or_else(|e| e.kind() == io::ErrorKind::NotFound, |file| file.len() == 0)
}

/// A new journal with all its tables. It gets its name once it is whole: a crash must not leave a
/// half that nobody can open.
pub(super) fn make(
    path: &Path,
    between: &Between,
    knobs: &JournalKnobs,
) -> Result<(), JournalError> {
    let mut half = path.as_os_str().to_owned();
    half.push(".new");
    let half = PathBuf::from(half);
    let name = half.display().to_string();
    let wrong = |error: io::Error| JournalError::Failed(format!("{name}: {error}").into());
    match fs::remove_file(&half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    let synced = JournalKnobs { sync: Sync::Group, ..knobs.clone() };
    let (database, health) = open(&half, &name, between, &synced, Check::Quick)?;
    write(&database, &[], 1).map_err(|error| health.explain(&name, &error))?;
    drop(database);
    fs::rename(&half, path).map_err(wrong)?;
    sync_folder(path).map_err(wrong)
}
