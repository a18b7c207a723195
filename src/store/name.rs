//! File names for session keys: no two keys share one, also where capitals do not count, and none
//! leaves its folder.

use uuid::Uuid;

/// Longest name that is still the key; file systems take 255 bytes, an ending included.
const NAME: usize = 200;

/// Names that are somebody else's: the index of the transcripts.
const TAKEN: [&str; 1] = ["index"];

/// The name of a session's file or folder: its key with everything percent-encoded but small
/// letters, digits, `-`, `_`, and `.` after the first place. A key whose name would be longer than
/// 200 bytes is `~` and its [`session_uuid`]: 122 bits of a hash.
#[must_use]
pub fn file_name(key: &str) -> String {
    let mut name = String::new();
    for (at, byte) in key.bytes().enumerate() {
        match byte {
            // A name that is taken begins with an escape, as no other key's does.
            _ if at == 0 && TAKEN.contains(&key) => escape(&mut name, byte),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if at > 0 => name.push('.'),
            // Capitals too: some file systems do not tell them apart.
            byte => escape(&mut name, byte),
        }
    }
    match name.len() {
        // An escape of nothing, which no other key has either.
        0 => "%".to_owned(),
        1..=NAME => name,
        // A `~` is in no encoded key.
        _ => format!("~{}", session_uuid(key)),
    }
}

fn escape(name: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    name.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

/// A session's UUID: version 5, URL namespace, of `laneq:` and the key. The same key has the same
/// one on every machine.
#[must_use]
pub fn session_uuid(key: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("laneq:{key}").as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(name: &str) -> Vec<u8> {
        let mut bytes = name.bytes();
        let mut key = Vec::new();
        while let Some(byte) = bytes.next() {
            let two: String = if byte == b'%' {
                bytes.by_ref().take(2).map(char::from).collect()
            } else {
                String::new()
            };
            match u8::from_str_radix(&two, 16) {
                Ok(escaped) => key.push(escaped),
                Err(_) if byte == b'%' => {}
                Err(_) => key.push(byte),
            }
        }
        key
    }

    #[test]
    fn no_key_leaves_the_folder_and_no_two_share_one() {
        for key in ["", ".", "..", "/etc", "a/../b", "~", "\0", "a\nb", "con", "-rf"] {
            let name = file_name(key);
            assert!(!name.is_empty() && !name.starts_with('.'), "{key:?}: {name}");
            assert!(name.bytes().all(|b| b.is_ascii_graphic() && b != b'/'), "{key:?}: {name}");
        }
        assert_eq!(file_name("agent:main:main"), "agent%3amain%3amain");
        assert_ne!(file_name("A"), file_name("a"));
        assert_ne!(file_name("%41"), file_name("A"));
    }

    #[test]
    fn a_long_key_is_known_by_its_uuid() {
        let (long, other) = ("x".repeat(1000), "y".repeat(1000));
        assert_eq!(file_name(&long), format!("~{}", session_uuid(&long)));
        assert_ne!(file_name(&long), file_name(&other));
        assert_eq!(file_name(&"x".repeat(NAME)), "x".repeat(NAME));
        assert!(file_name(&"X".repeat(NAME)).starts_with('~'));
    }

    #[test]
    fn no_key_takes_the_name_of_the_index() {
        assert_eq!(file_name("index"), "%69ndex");
        assert_eq!(file_name("%69ndex"), "%2569ndex");
        assert_eq!(file_name("indexes"), "indexes");
    }

    #[test]
    fn a_session_is_the_version_5_uuid_of_its_key() {
        assert_eq!(session_uuid("k"), session_uuid("k"));
        assert_ne!(session_uuid("k"), session_uuid("l"));
        assert_eq!(session_uuid("k").as_bytes()[14], b'5');
    }

    proptest! {
        #[test]
        fn a_short_name_reads_back_as_its_key(key in "\\PC{0,40}|[a.%~/A\\x00]{0,12}") {
            let name = file_name(&key);
            if !name.starts_with('~') {
                prop_assert_eq!(decoded(&name), key.as_bytes());
            }
            prop_assert_eq!(name.to_lowercase(), name);
        }
    }
}
