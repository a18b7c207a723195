//! The settings of what outlives the process: journal and transcripts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::check::Ranges;
use crate::model::mode_words as words;

/// When the journal is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sync {
    /// Each message is synced by itself.
    Always,
    /// What comes together is synced together.
    #[default]
    Group,
    /// The operating system decides; a loss of power may lose the last messages.
    Os,
}

words!(Sync, "sync policy", Always = "always", Group = "group", Os = "os");

/// The journal of accepted messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalKnobs {
    /// Its file. Default: none, and no journal.
    pub path: Option<PathBuf>,
    /// When it is on the disk. Default: group.
    pub sync: Sync,
    /// Runs of a batch that a crash interrupted, before it is parked. Range: 1 to 100. Default: 3.
    pub attempts: u32,
    /// Most bytes of its file. Range: 1 KiB to 1 PiB. Default: 8 GiB.
    pub max_bytes: u64,
}

impl Default for JournalKnobs {
    fn default() -> Self {
        Self { path: None, sync: Sync::Group, attempts: 3, max_bytes: 8 << 30 }
    }
}

impl JournalKnobs {
    pub(super) fn visit(&self, ranges: &mut Ranges) {
        if self.path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            ranges.wrong("journal.path", format_args!("\"\": it is empty"));
        }
        ranges.within("journal.attempts", self.attempts, 1..=100);
        ranges.within("journal.max_bytes", self.max_bytes, 1 << 10..=1 << 50);
    }
}

/// Transcripts: a file of JSON lines for each session, for its owner alone. They need the feature
/// `transcripts`; [`architecture`](crate::architecture) says what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranscriptKnobs {
    /// Their folder, made if it is not there; not a symbolic link. Default: none, and no transcripts.
    pub dir: Option<PathBuf>,
}

impl TranscriptKnobs {
    pub(super) fn visit(&self, ranges: &mut Ranges) {
        if self.dir.as_ref().is_some_and(|dir| dir.as_os_str().is_empty()) {
            ranges.wrong("transcripts.dir", format_args!("\"\": it is empty"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_journal_is_off_unless_named_and_bounded_when_on() {
        let mut config = Config::default();
        assert_eq!(config.journal.path, None);
        config.journal.attempts = 0;
        let error = config.validate().expect_err("0 is too few").to_string();
        assert_eq!(error, "journal.attempts = 0: the range is 1 to 100");
        config.journal = JournalKnobs { path: Some(PathBuf::new()), ..JournalKnobs::default() };
        assert!(config.validate().is_err());
    }
}
