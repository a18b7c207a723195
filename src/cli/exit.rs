//! The exit code: the most serious thing that happened.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

/// The command line or the configuration is wrong; nothing was started.
pub const USAGE: u8 = 2;
/// The journal.
pub const JOURNAL: u8 = Trouble::Journal as u8;

/// Something that the exit code should tell. The number is that code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A run failed, or a message was refused, dropped, expired or parked.
    Messages = 1,
    /// An input line was not a valid message or control.
    Input = 3,
    /// The drain deadline passed with work left.
    Drain = 4,
    /// The journal could not be opened, read or written.
    Journal = 5,
    /// The output could not be written to its end.
    Output = 6,
}

/// Most serious first.
const RANKING: [Trouble; 5] =
    [Trouble::Journal, Trouble::Output, Trouble::Drain, Trouble::Input, Trouble::Messages];

/// What has happened so far, from any thread.
#[derive(Debug, Default)]
pub struct Troubles(AtomicU8);

impl Troubles {
    pub fn note(&self, trouble: Trouble) {
        self.0.fetch_or(1 << trouble as u8, Ordering::Relaxed);
    }

    /// 0, or the number of the most serious trouble.
    pub fn code(&self) -> u8 {
        let seen = self.0.load(Ordering::Relaxed);
        let worst = RANKING.into_iter().find(|trouble| seen & (1 << *trouble as u8) != 0);
        worst.map_or(0, |trouble| trouble as u8)
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_noted_is_success() {
        assert_eq!(Troubles::default().code(), 0);
    }

    #[test]
    fn the_most_serious_wins_whatever_the_order() {
        let troubles = Troubles::default();
        for (trouble, code) in [
            (Trouble::Messages, 1),
            (Trouble::Input, 3),
            (Trouble::Drain, 4),
            (Trouble::Output, 6),
            (Trouble::Messages, 6),
            (Trouble::Journal, 5),
            (Trouble::Output, 5),
        ] {
            troubles.note(trouble);
            assert_eq!(troubles.code(), code);
        }
    }
}
