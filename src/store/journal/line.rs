//! The line to the journal's thread: what is put in first is committed first.
//!
//! Numbers are drawn under the line's lock, so that the order of numbers, of commits and of
//! admissions is one order. P11.

use super::store::{Change, JournalError};
use crate::sync::{Condvar, Mutex};

/// What is done once an entry is committed, or is not to be: on the journal's thread, in order.
pub(crate) type Then = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// What an entry is, for whoever commits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A message that is to be acknowledged; it may have to have a commit of its own.
    Message,
    /// A run that is to start: uncommitted, it does not.
    Start,
    /// What has happened: it is kept until a commit takes it.
    Mark,
}

pub(super) struct Entry {
    pub(super) changes: Vec<Change>,
    pub(super) then: Option<Then>,
    pub(super) urgency: Urgency,
}

#[derive(Clone, PartialEq, Eq)]
enum Life {
    Open,
    /// What is in the line is still written.
    Ending,
    /// Nothing is written any more, and why.
    Over(JournalError),
}

/// What the journal's thread is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pen {
    Writing,
    /// All that was put in is written and told.
    Resting,
    /// All is told, and of what has happened something is still to be written.
    Behind,
}

struct State {
    waiting: Vec<Entry>,
    pen: Pen,
    /// None before what the journal kept is back: a number drawn then would be another's.
    next: Option<u64>,
    life: Life,
}

/// Filled by everybody, emptied by the journal's thread. Its length is bounded by what the
/// engine's own bounds let in: each message brings a constant number of entries. P9.
pub(crate) struct Line {
    /// A leaf lock.
    state: Mutex<State>,
    more: Condvar,
    rested: Condvar,
}

/// Most entries that are committed together, so that nobody waits long for the others.
const GROUP: usize = 1024;
/// Most bytes that are committed together.
const GROUP_BYTES: usize = 16 << 20;

impl Line {
    pub(crate) fn new() -> Self {
        let state = State { waiting: Vec::new(), pen: Pen::Resting, next: None, life: Life::Open };
        Self { state: Mutex::new(state), more: Condvar::new(), rested: Condvar::new() }
    }

    /// The first number that is free; called before anybody draws one.
    pub(crate) fn begin_at(&self, next: u64) {
        self.state.lock().next = Some(next);
    }

    /// Puts one message in: `make` gets its number.
    pub(crate) fn push_message(
        &self,
        make: impl FnOnce(u64) -> (Vec<Change>, Then),
    ) -> Result<(), JournalError> {
        let mut state = self.state.lock();
        state.may_push()?;
        let Some(number) = state.next else {
            let text = "what the journal kept is not back yet: call Engine::recover first";
            return Err(JournalError::Failed(text.into()));
        };
        state.next = Some(number + 1);
        let (changes, then) = make(number);
        state.waiting.push(Entry { changes, then: Some(then), urgency: Urgency::Message });
        drop(state);
        self.more.notify_one();
        Ok(())
    }

    /// Puts changes in that nobody waits for.
    pub(crate) fn push(&self, changes: Vec<Change>) {
        self.push_made(Urgency::Mark, || changes, None);
    }

    /// Puts changes in that `make` makes when it is their turn, with what is done once they are
    /// committed, or are not to be. `make` must not lock.
    pub(crate) fn push_made(
        &self,
        urgency: Urgency,
        make: impl FnOnce() -> Vec<Change>,
        then: Option<Then>,
    ) {
        let mut state = self.state.lock();
        let over = state.may_push();
        if over.is_ok() {
            let changes = make();
            state.waiting.push(Entry { changes, then, urgency });
            drop(state);
            self.more.notify_one();
            return;
        }
        drop(state);
        if let Some(then) = then {
            then(over);
        }
    }

    /// Why nothing is written any more, if so.
    pub(crate) fn error(&self) -> Option<JournalError> {
        self.state.lock().may_push().err()
    }

    /// What is in the line is written; nothing else is taken then.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        if state.life == Life::Open {
            state.life = Life::Ending;
        }
        drop(state);
        self.more.notify_all();
    }

    /// Nothing is written any more: whoever waits is told why.
    pub(crate) fn over(&self, error: &JournalError) {
        let waiting = {
            let mut state = self.state.lock();
            state.life = Life::Over(error.clone());
            std::mem::take(&mut state.waiting)
        };
        tell(waiting, &Err(error.clone()));
        self.rest(&mut self.state.lock(), Pen::Resting);
    }

    fn rest(&self, state: &mut State, pen: Pen) {
        state.pen = pen;
        self.rested.notify_all();
    }

    /// It may be well with the journal again: what is behind is tried once more. P11: however
    /// quiet the line is, what has happened is written.
    pub(crate) fn again(&self) {
        let mut state = self.state.lock();
        if state.pen == Pen::Behind {
            state.pen = Pen::Writing;
            drop(state);
            self.more.notify_one();
        }
    }

    /// Blocks until everything that was put in is written and told, or is not to be.
    pub(crate) fn settle(&self) {
        let mut state = self.state.lock();
        while state.pen == Pen::Writing || !state.waiting.is_empty() {
            self.rested.wait(&mut state);
        }
    }

    /// Blocks for the next group; none when the line has ended and is empty. `alone`: each
    /// message is a group of its own, with the marks before it. `behind`: something is still to be
    /// written, and an empty group is the time to try.
    pub(super) fn next_group(&self, alone: bool, behind: bool) -> Option<Vec<Entry>> {
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            self.rest(&mut state, if behind { Pen::Behind } else { Pen::Resting });
        }
        while state.waiting.is_empty() && state.pen != Pen::Writing {
            if state.life != Life::Open {
                return None;
            }
            self.more.wait(&mut state);
        }
        state.pen = Pen::Writing;
        let n = state.group(alone);
        if n == state.waiting.len() {
            return Some(std::mem::take(&mut state.waiting));
        }
        Some(state.waiting.drain(..n).collect())
    }
}

/// Tells a group what came of it, entry by entry, in order.
pub(super) fn tell(group: Vec<Entry>, result: &Result<(), JournalError>) {
    for entry in group {
        if let Some(then) = entry.then {
            then(result.clone());
        }
    }
}

impl State {
    fn may_push(&self) -> Result<(), JournalError> {
        match &self.life {
            Life::Open | Life::Ending => Ok(()),
            Life::Over(error) => Err(error.clone()),
        }
    }

    /// How many entries go together.
    fn group(&self, alone: bool) -> usize {
        let (mut n, mut bytes) = (0, 0);
        for entry in self.waiting.iter().take(GROUP) {
            let own: usize =
                entry.changes.iter().map(|c| c.value.as_ref().map_or(0, |v| v.len())).sum();
            bytes += own;
            if n > 0 && bytes > GROUP_BYTES {
                break;
            }
            n += 1;
            if alone && entry.urgency == Urgency::Message {
                break;
            }
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &Line, bytes: usize) {
        let change = |n: u64| Change {
            table: crate::store::Table::Messages,
            key: n.to_be_bytes().into(),
            value: Some(vec![0; bytes].into()),
        };
        line.push_message(|n| (vec![change(n)], Box::new(|_| ()))).expect("open");
    }

    #[test]
    fn p11_numbers_groups_and_bounds_keep_the_order_of_the_line() {
        let line = Line::new();
        line.begin_at(7);
        (0..1030).for_each(|_| message(&line, 1));
        let first = line.next_group(false, false).expect("there are some");
        assert_eq!(first.len(), GROUP);
        assert_eq!(*first[0].changes[0].key, 7u64.to_be_bytes());
        assert_eq!(line.next_group(false, false).expect("the rest").len(), 6);
        (0..3).for_each(|_| message(&line, GROUP_BYTES / 2));
        assert_eq!(line.next_group(false, false).expect("by bytes").len(), 2);
        assert_eq!(line.next_group(false, false).expect("by bytes").len(), 1);
    }

    #[test]
    fn p11_no_number_is_drawn_before_what_the_journal_kept_is_back() {
        let line = Line::new();
        let early = line.push_message(|_| unreachable!("it has no number"));
        assert!(matches!(early, Err(JournalError::Failed(text)) if text.contains("recover")));
    }

    #[test]
    fn p11_each_message_is_alone_where_it_is_to_be_and_marks_ride_along() {
        let line = Line::new();
        line.begin_at(1);
        message(&line, 1);
        line.push(Vec::new());
        message(&line, 1);
        message(&line, 1);
        let sizes: Vec<_> =
            (0..3).map(|_| line.next_group(true, false).expect("more").len()).collect();
        assert_eq!(sizes, [1, 2, 1]);
    }

    #[test]
    fn p11_after_the_end_what_is_there_is_written_and_after_a_failure_nothing_is() {
        let line = Line::new();
        line.begin_at(1);
        message(&line, 1);
        line.end();
        assert_eq!(line.next_group(false, false).map(|g| g.len()), Some(1));
        assert!(line.next_group(false, false).is_none());
        let poisoned = JournalError::Poisoned("fsync failed".into());
        message(&line, 1);
        line.over(&poisoned);
        assert_eq!(line.error(), Some(poisoned.clone()));
        let refused = line.push_message(|_| (Vec::new(), Box::new(|_| ())));
        assert_eq!(refused, Err(poisoned));
    }
}
