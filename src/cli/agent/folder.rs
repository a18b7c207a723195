//! A session's working directory: its key, encoded so that no two keys share one and none leaves
//! the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::session_uuid;

/// Longest name that is still the key; file systems take 255 bytes.
const NAME: usize = 200;

/// The name of a key's folder.
fn name(key: &str) -> String {
    let mut name = String::new();
    for (at, byte) in key.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if at > 0 => name.push('.'),
            // Capitals too: some file systems do not tell them apart.
            byte => name.push_str(&format!("%{byte:02x}")),
        }
    }
    // A long key is known by its UUID; a `~` is in no encoded key.
    if name.len() > NAME { format!("~{}", session_uuid(key)) } else { name }
}

/// Makes the folder of a key, if it is not there yet.
pub fn of(parent: &Path, key: &str) -> io::Result<PathBuf> {
    let path = parent.join(name(key));
    fs::create_dir_all(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn no_key_leaves_the_folder_and_no_two_share_one() {
        for key in ["..", ".", "/etc", "a/../b", "~", "\0"] {
            let name = name(key);
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
        }
        assert_eq!(name("agent:main:main"), "agent%3amain%3amain");
        assert_ne!(name("A"), name("a"));
        assert_ne!(name("%41"), name("A"));
        let long = "x".repeat(1000);
        assert!(name(&long).starts_with('~') && name(&long) != name(&"y".repeat(1000)));
    }
}
