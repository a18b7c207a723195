//! How direct messages are told apart.

use serde::{Deserialize, Serialize};

use super::mode::words;

/// Which direct messages share a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scope {
    /// All direct messages of an agent are one session: one person, many channels.
    #[default]
    Main,
    /// A session for each person, whatever the channel.
    PerPeer,
    /// A session for each person of each channel.
    PerChannelPeer,
    /// A session for each person of each account of each channel.
    PerAccountChannelPeer,
}

words!(
    Scope,
    "scope",
    Main = "main",
    PerPeer = "per-peer",
    PerChannelPeer = "per-channel-peer",
    PerAccountChannelPeer = "per-account-channel-peer"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_reads_back_from_its_own_word() {
        for word in Scope::WORDS {
            assert_eq!(word.parse::<Scope>().expect("our own word").as_str(), *word);
        }
        assert_eq!(Scope::default(), Scope::Main);
    }
}
