//! What a message asks for: mode, priority, and the policies beside them.

use serde::{Deserialize, Serialize};

/// What happens to a message while its session is busy. From idle, every mode starts a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mode {
    /// Waits its turn; one run each, first in first out.
    Followup,
    /// Waits its turn; what waits together and may merge is one run.
    #[default]
    Collect,
    /// Delivered at the next boundary of the run in progress; else a follow-up.
    Steer,
    /// Delivered like a steer, and run as a later turn as well.
    SteerBacklog,
    /// Stops the run in progress and runs next, before the backlog.
    Interrupt,
}

/// Which ready sessions of a lane go first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Priority {
    /// Goes after normal, but before it once it has waited 30 s (`engine.ageing`).
    Background,
    /// The default.
    #[default]
    Normal,
    /// Goes first, and may starve the others: for people who are waiting.
    Foreground,
}

/// What gives way when a session's backlog is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Drop {
    /// The oldest message of the newcomer's route and authority is dropped.
    Old,
    /// The newcomer is refused and handed back.
    New,
    /// As `Old`, but one line of what was dropped goes into the next batch.
    #[default]
    Summarize,
}

/// What happens to the calls of a plan that have not started when a steer arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PendingTools {
    /// They are skipped, and the steer is delivered at once.
    #[default]
    Skip,
    /// They run first; the steer is delivered after the last.
    Finish,
}

/// Why a message that asked to steer (or to interrupt) waits its turn instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fallback {
    /// No run was in progress.
    NoRun,
    /// The run's handler takes no steers (a closure, a plain agent).
    NotSteerable,
    /// The run had ended its inbox, was stopped, or has used up its steer rounds.
    Closed,
    /// The run belongs to another authority.
    Authority,
    /// The run answers another channel, thread or person.
    Route,
}

macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $word:literal),+) => {
        impl $type {
            /// The word for it in settings, events and on the C side.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Every word that is accepted, in the order of the documentation.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::model::Error;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::model::Error::invalid(format!(
                        concat!("unknown ", $what, " {:?}: one of {}"),
                        word,
                        Self::WORDS.join(", "),
                    ))),
                }
            }
        }
    };
}
pub(crate) use words;

words!(
    Mode,
    "mode",
    Followup = "followup",
    Collect = "collect",
    Steer = "steer",
    SteerBacklog = "steer-backlog",
    Interrupt = "interrupt"
);
words!(
    Priority,
    "priority",
    Foreground = "foreground",
    Normal = "normal",
    Background = "background"
);
words!(Drop, "drop policy", Old = "old", New = "new", Summarize = "summarize");
words!(PendingTools, "pending-tools policy", Skip = "skip", Finish = "finish");
words!(
    Fallback,
    "fallback",
    NoRun = "no_run",
    NotSteerable = "not_steerable",
    Closed = "closed",
    Authority = "authority",
    Route = "route"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_reads_back_from_its_own_word() {
        for word in Mode::WORDS {
            assert_eq!(word.parse::<Mode>().expect("our own word").as_str(), *word);
        }
    }

    #[test]
    fn an_unknown_mode_names_the_word_and_lists_the_right_ones() {
        let error = "later".parse::<Mode>().expect_err("no such mode").to_string();
        assert!(error.contains("\"later\"") && error.contains("steer-backlog"), "{error}");
    }
}
