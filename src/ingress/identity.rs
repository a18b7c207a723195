//! One person across channels: `telegram:123` is `alice`.

use std::collections::BTreeMap;

/// The links of the settings, where they were checked: a name to `channel:peer` words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identities<'a>(pub(super) &'a BTreeMap<String, Vec<String>>);

impl<'a> Identities<'a> {
    /// The person behind this name of this channel, if it is linked.
    pub(super) fn person(self, channel: &str, peer: &str) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let (channel, peer) = (folded(channel), folded(peer));
        let linked = |word: &String| {
            word.split_once(':').is_some_and(|(c, p)| folded(c) == channel && folded(p) == peer)
        };
        let mut people = self.0.iter();
        people.find(|(_, words)| words.iter().any(linked)).map(|(person, _)| person.as_str())
    }

    /// Whether a person of the links has this name.
    pub(super) fn is_person(self, name: &str) -> bool {
        self.0.keys().any(|person| folded(person) == name)
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_name_is_found_in_its_channel_only() {
        let words = vec!["telegram:1".to_owned(), "Discord:Al:ice".to_owned()];
        let links = BTreeMap::from([("Alice".to_owned(), words)]);
        let people = Identities(&links);
        assert_eq!(people.person("Telegram", " 1"), Some("Alice"));
        assert_eq!(people.person("discord", "al:ICE"), Some("Alice"));
        assert_eq!(people.person("irc", "1"), None);
        assert!(people.is_person("alice") && !people.is_person("bob"));
    }
}
