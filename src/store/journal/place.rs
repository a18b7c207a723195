//! Where a journal really is, whatever name leads there.
//!
//! P11: the file and its witness, `PATH.lock`, are looked for in one place only. By a second name
//! there would be no witness, and a journal that is gone would pass for a new one.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::store::JournalError;

/// As many links as the system follows itself.
const HOPS: usize = 40;

fn wrong(path: &Path, error: &io::Error) -> JournalError {
    JournalError::Failed(format!("{}: {error}", path.display()).into())
}

/// The folder that this path is in, which has to be there.
fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).canonicalize()
}

/// The target of a link that has no folder: its disk is not there, perhaps, and the journal on it.
fn astray(link: &Path, target: &Path, error: &io::Error) -> JournalError {
    let text = format!(
        "{}: a link to {}, whose folder cannot be found ({error}): mount or make that folder, or \
         let the link lead elsewhere",
        link.display(),
        target.display()
    );
    JournalError::Failed(text.into())
}

/// The real path, so that every name of the file is one: a link to it is looked through, be the
/// file there or not.
pub(super) fn whole_path(path: &Path) -> Result<PathBuf, JournalError> {
    let mut name = path.to_owned();
    for hop in 0..HOPS {
        let missing = match name.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            found => return found.map_err(|error| wrong(path, &error)),
        };
        let folder = folder_of(&name).map_err(|error| match hop {
            0 => wrong(path, &error),
            _ => astray(path, &name, &error),
        })?;
        // Without the slash behind it, which would lead through the link.
        let place = folder.join(name.file_name().ok_or_else(|| wrong(path, &missing))?);
        match place.read_link() {
            Ok(target) => name = folder.join(target),
            // Nothing is there, or no link since a moment ago.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
                return Ok(place);
            }
            Err(error) => return Err(wrong(&place, &error)),
        }
    }
    let text = format!("{}: more than {HOPS} links, one to the other", path.display());
    Err(JournalError::Failed(text.into()))
}
