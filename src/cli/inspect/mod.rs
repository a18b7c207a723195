//! `laneq inspect`: what is in a journal, and changes to one that nobody holds.

mod args;
mod change;
mod export;
mod list;
mod show;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use laneq::{JournalEntry, JournalError, JournalState, JournalView};

pub use self::args::InspectArgs;

use self::args::{Action, Which};
use super::exit::{JOURNAL, Trouble};

/// What could not be done, and its exit code.
pub struct Failed {
    text: String,
    code: u8,
}

impl From<JournalError> for Failed {
    fn from(error: JournalError) -> Self {
        Self { text: error.to_string(), code: JOURNAL }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self { text: format!("standard output: {error}"), code: Trouble::Output as u8 }
    }
}

impl Failed {
    /// No message is what was asked for.
    fn none(text: String) -> Self {
        Self { text, code: Trouble::Messages as u8 }
    }
}

pub fn run(args: &InspectArgs) -> ExitCode {
    let mut to = io::BufWriter::new(io::stdout().lock());
    let done = match &args.action {
        Action::List { which, json, journal } => list::list(&mut to, journal, which, *json),
        Action::Show { journal, id, key } => show::show(&mut to, journal, id, key.as_deref()),
        Action::Export { which, journal } => export::export(&mut to, journal, which),
        Action::Requeue(order) => change::requeue(&mut to, order),
        Action::Drop(order) => change::drop(&mut to, order),
    };
    match done.and_then(|()| Ok(to.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("laneq: {}", failed.text);
            ExitCode::from(failed.code)
        }
    }
}

/// Calls `each` with every message of a journal that is asked for, in the order of acceptance.
fn each(
    journal: &Path,
    which: &Which,
    mut each: impl FnMut(&JournalEntry) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let (now, mut left, mut failed) = (SystemTime::now(), which.limit.unwrap_or(u64::MAX), None);
    JournalView::open(journal)?.each(|entry| {
        if left > 0 && failed.is_none() && which.has(&entry, now) {
            left -= 1;
            failed = each(&entry).err();
        }
        Ok(())
    })?;
    failed.map_or(Ok(()), Err)
}

/// How long ago it was accepted; a clock that was put back shows no negative time.
fn age(entry: &JournalEntry, now: SystemTime) -> Duration {
    now.duration_since(entry.accepted).unwrap_or_default()
}

impl Which {
    fn has(&self, entry: &JournalEntry, now: SystemTime) -> bool {
        let any = !self.parked && !self.pending;
        let state = match entry.state {
            JournalState::Parked => self.parked,
            _ => self.pending,
        };
        (any || state)
            && self.key.as_deref().is_none_or(|key| key == entry.message.key())
            && self.older_than.is_none_or(|least| age(entry, now) >= least)
    }
}
