//! A session's working directory: named by its key, so that no two keys share one and none leaves
//! the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use laneq::file_name;

/// Makes the folder of a key, if it is not there yet.
pub fn of(parent: &Path, key: &str) -> io::Result<PathBuf> {
    let path = parent.join(file_name(key));
    fs::create_dir_all(&path)?;
    Ok(path)
}
