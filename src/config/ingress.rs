//! The settings of what comes in: which messages share a session, and their hygiene.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::{DAY, MINUTE, Ranges};
use crate::model::{Scope, Source, same_name};

/// Which messages share a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionKnobs {
    /// How direct messages are told apart. Default: main. Source: `session.dmScope` of `OpenClaw`.
    pub dm_scope: Scope,
    /// One person across channels: a name to `channel:peer` words. Default: nobody.
    /// Source: `session.identityLinks` of `OpenClaw`.
    pub identity_links: BTreeMap<String, Vec<String>>,
}

/// What happens to a message before it is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Leading window for plain text of one sender; 0 is off. Unit: ms. Range: 0 to 1 min.
    /// Default: 0. Source: `messages.inbound.debounceMs` of `OpenClaw`.
    pub debounce: Duration,
    /// How long an id is remembered; 0 is off. Unit: ms. Range: 0 to 1 d. Default: 5 min.
    pub dedupe_window: Duration,
    /// Ids remembered at once. Range: 0 to 10,000,000. Default: 10,000.
    pub dedupe_entries: usize,
    /// Who may use `/queue`, `/steer` and `/stop` as words in a text; `*` is everyone.
    /// Default: `*`.
    pub directive_authorities: Vec<String>,
    /// Whose interrupts may stop a run of another authority. Default: nobody's.
    pub stop_authorities: Vec<String>,
    /// The debounce of a channel, in place of the general one. Range and unit as there.
    /// Source: `messages.inbound.byChannel` of `OpenClaw`.
    pub channels: BTreeMap<String, Duration>,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            debounce: Duration::ZERO,
            dedupe_window: 5 * MINUTE,
            dedupe_entries: 10_000,
            directive_authorities: vec!["*".to_owned()],
            stop_authorities: Vec::new(),
            channels: BTreeMap::new(),
        }
    }
}

/// What the settings say of a channel; they may write its name in another case than sources do.
pub(super) fn of_channel<'a, T>(channels: &'a BTreeMap<String, T>, name: &str) -> Option<&'a T> {
    let alike = || channels.iter().find(|(known, _)| same_name(known, name)).map(|(_, own)| own);
    channels.get(name).or_else(alike)
}

impl SessionKnobs {
    pub(super) fn visit(&self, ranges: &mut Ranges) {
        let mut known: BTreeMap<(String, String), &String> = BTreeMap::new();
        let mut people: BTreeMap<String, &String> = BTreeMap::new();
        for (person, words) in &self.identity_links {
            let key = format!("session.identity_links.{person}");
            let name = person.trim().to_lowercase();
            if name.is_empty() || name.starts_with([':', '%']) {
                ranges.wrong(&key, format_args!("{person:?}: a name begins with a letter or so"));
            }
            if let Some(other) = people.insert(name, person) {
                ranges.wrong(&key, format_args!("{person:?}: it is {other:?} in lower case too"));
            }
            for (idx, word) in words.iter().enumerate() {
                let key = format!("session.identity_links.{person}[{idx}]");
                let Some((channel, peer)) = word.split_once(':') else {
                    ranges.wrong(&key, format_args!("{word:?}: write it as \"channel:peer\""));
                    continue;
                };
                let name = (channel.trim().to_lowercase(), peer.trim().to_lowercase());
                if name.1.is_empty() {
                    ranges.wrong(&key, format_args!("{word:?}: the peer is empty"));
                }
                if let Some(other) = known.insert(name, person)
                    && other != person
                {
                    ranges.wrong(&key, format_args!("{word:?}: it is {other:?} already"));
                }
            }
        }
    }
}

impl Inbound {
    /// The leading window for messages of this source.
    pub(crate) fn debounce_of(&self, source: Option<&Source>) -> Duration {
        let own = source.filter(|_| !self.channels.is_empty());
        own.and_then(|source| of_channel(&self.channels, &source.channel))
            .copied()
            .unwrap_or(self.debounce)
    }

    pub(super) fn visit(&self, ranges: &mut Ranges) {
        ranges.lasting("inbound.debounce", self.debounce, Duration::ZERO..=MINUTE);
        ranges.lasting("inbound.dedupe_window", self.dedupe_window, Duration::ZERO..=DAY);
        ranges.within("inbound.dedupe_entries", self.dedupe_entries, 0..=10_000_000);
        for (channel, debounce) in &self.channels {
            let key = format!("inbound.channels.{channel}.debounce");
            ranges.lasting(&key, *debounce, Duration::ZERO..=MINUTE);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn error(links: &[(&str, &str)]) -> String {
        let mut config = Config::default();
        for (person, word) in links {
            let words = config.session.identity_links.entry((*person).to_owned());
            words.or_default().push((*word).to_owned());
        }
        config.validate().expect_err("it is wrong").to_string()
    }

    #[test]
    fn two_people_never_share_a_key_and_nobody_has_none() {
        for name in ["", " ", ":x", "%x"] {
            let error = error(&[(name, "telegram:1")]);
            assert!(error.contains("begins with"), "{error}");
        }
        let two = error(&[("Ann", "telegram:1"), ("ann ", "telegram:2")]);
        assert!(two.contains("\"Ann\" in lower case too"), "{two}");
    }

    #[test]
    fn a_link_is_a_channel_and_a_peer_of_one_person() {
        assert!(error(&[("alice", "telegram")]).contains("channel:peer"));
        assert!(error(&[("alice", "telegram: ")]).contains("empty"));
        let two = error(&[("alice", "telegram:1"), ("bob", "Telegram:1")]);
        assert!(two.starts_with("session.identity_links.bob[0] = "), "{two}");
        assert!(two.contains("alice"), "{two}");
    }
}
