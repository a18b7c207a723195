//! What the journal is told of a message's way, and in which words. The machine knows nothing of it.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::batch::Batch;
use super::cell::Cell;
use super::overflow::LinesLike;
use super::parked::{Parked, ParkedAll};
use super::standing::Place;
use crate::config::Inbound;
use crate::model::{Fate, Knobs, Message, MessageId, Mode, Outcome, RunId};
pub(crate) use crate::store::JournalError;
use crate::store::{
    Change, Known, Line, Mark, Sent, Summary, Table, Then, Urgency, encode, millis, put, removal,
    take,
};
use crate::sync::oneshot::Slot;
use crate::sync::{Arc, Mutex};
use crate::time::Clock;
use crate::watch::{Quota, Room};

/// How a message ended, as the journal hears it.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) fate: Fate,
    pub(crate) run: Option<RunId>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) attempt: u32,
}

/// The engine's side of its journal.
pub(crate) struct Jots {
    pub(crate) line: Line,
    clock: Clock,
    /// Estimated bytes in the file. P9.
    bytes: Quota,
    most: u64,
    parked: ParkedAll,
    /// Ids of settled messages that are still known, oldest first: when, and under which number.
    /// A leaf lock.
    known: Mutex<VecDeque<(u64, u64)>>,
}

/// What the journal has of a message that nobody has admitted yet.
pub(crate) struct Entry {
    number: u64,
    weight: u64,
    /// The parked message whose place it takes.
    old: Option<Parked>,
}

/// Whether the journal takes nothing any more.
pub(crate) fn is_final(error: &JournalError) -> bool {
    error.is_final()
}

/// Whether nothing is wrong with the journal but that it is closed.
pub(crate) fn is_closed(error: &JournalError) -> bool {
    *error == JournalError::Closed
}

/// Numbers that are reserved at once, so that none is ever used twice.
const RESERVE: u64 = 1024;

/// The change that reserves the numbers after this one.
pub(crate) fn reserve(number: u64) -> Change {
    let value = encode(&(number + 2 * RESERVE));
    Change { table: Table::About, key: (*b"next").into(), value: Some(value) }
}

/// What a message takes in a file of pages of 4 KiB, where the long have pages of their own.
fn weight(message: &Message) -> u64 {
    let bytes = message.bytes() + message.key().len() + message.id().map_or(0, str::len);
    let bytes = (bytes as u64).saturating_add(512);
    if bytes < 2048 { bytes + bytes / 2 } else { (bytes + 4096).next_power_of_two() }
}

impl Jots {
    /// A file grows by doubling, so that its messages may fill half of what it may become.
    pub(crate) fn new(clock: Clock, max_bytes: u64) -> Self {
        Self {
            line: Line::new(),
            clock,
            bytes: Quota::new(max_bytes / 2),
            most: max_bytes,
            parked: ParkedAll::default(),
            known: Mutex::default(),
        }
    }

    fn now(&self) -> SystemTime {
        self.clock.wall()
    }

    /// Puts a message into the line. Once it is committed, or is not to be, `enter` has it. The
    /// error gives the cell back.
    pub(crate) fn accept(
        &self,
        cell: Cell,
        lane: &str,
        mode: Mode,
        enter: impl FnOnce(Arc<Cell>, Entry, Result<(), JournalError>) + Send + 'static,
    ) -> Result<MessageId, (Cell, JournalError)> {
        let weight = weight(&cell.message);
        if self.bytes.take(weight) == Room::Full {
            let text = format!(
                "the journal is full: its messages fill half of journal.max_bytes = {}, which is \
                 as far as they may",
                self.most
            );
            return Err((cell, JournalError::Full(text.into())));
        }
        let mut sent = Sent::of(&cell.message, lane, mode, cell.attempts);
        (sent.depth, sent.accepted) = (cell.depth, millis(self.now()));
        sent.ttl = cell.expires().map(|at| at.since(self.clock.now()));
        sent.line = cell.line().map(Into::into);
        // It stays in the file until this one is admitted, whose record names it.
        let old = self.parked.take(&cell.message);
        sent.replaces = old.as_ref().map(|old| old.number);
        let record = encode(&sent);
        drop(sent);
        let mut entry = Some(Entry { number: 0, weight, old });
        let (mut cell, mut id) = (Some(cell), MessageId::Made(0, 0));
        let pushed = self.line.push_message(|number| {
            let mut cell = cell.take().expect("called once");
            cell.set_journaled(number);
            id = cell.id();
            let key = number.to_be_bytes().into();
            let mut changes = vec![Change { table: Table::Messages, key, value: Some(record) }];
            if number.is_multiple_of(RESERVE) {
                changes.push(reserve(number));
            }
            let cell = Arc::new(cell);
            let mut entry = entry.take().expect("called once");
            entry.number = number;
            let then: Then = Box::new(move |result| enter(cell, entry, result));
            (changes, then)
        });
        match (pushed, cell, entry) {
            (Err(error), Some(cell), Some(entry)) => {
                self.not_written(entry);
                Err((cell, error))
            }
            _ => Ok(id),
        }
    }

    /// It was admitted: the parked one whose place it takes goes.
    pub(crate) fn admitted(&self, entry: Entry) {
        if let Some(old) = entry.old {
            self.bytes.give(old.weight);
            self.line.push(removal(old.number).collect());
        }
    }

    /// It was not committed, and is the host's again.
    pub(crate) fn not_written(&self, entry: Entry) {
        self.bytes.give(entry.weight);
        if let Some(old) = entry.old {
            self.parked.put(old);
        }
    }

    /// A message that was committed was refused after all. `then` tells the host, to whom it
    /// belongs again, once it is out of the file. P11: or, with the error, that it is not, and may
    /// come back; it goes with the next commit, before anything that is submitted in its place.
    pub(crate) fn refused(
        &self,
        entry: Entry,
        then: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        let changes = removal(entry.number).collect();
        self.not_written(entry);
        self.line.push_made(Urgency::Mark, || changes, Some(Box::new(then)));
    }

    /// What no commit has taken is tried again, if there is anything.
    pub(crate) fn again(&self) {
        self.line.again();
    }

    /// What is in the line is written, and then the file is closed.
    pub(crate) fn end(&self) {
        self.line.end();
    }

    /// Where an accepted message landed, if its place is not simply its turn.
    pub(crate) fn landed(&self, cell: &Cell, place: Place) {
        let mark = match place {
            Place::Urgent => Mark::Urgent,
            Place::Inbox => Mark::Steer,
            _ => return,
        };
        self.mark(cell, &mark);
    }

    /// The steer half of a steer-backlog was delivered.
    pub(crate) fn seen(&self, cell: &Cell) {
        self.mark(cell, &Mark::Seen);
    }

    /// Another thread may have taken the message out meanwhile: then the mark would stay for ever.
    fn mark(&self, cell: &Cell, mark: &Mark) {
        let change = || (!cell.is_gone()).then(|| mark.put(cell.journaled()));
        self.line.push_made(Urgency::Mark, || change().into_iter().collect(), None);
    }

    /// Attempts are counted before a run starts: blocks until that is committed.
    pub(crate) fn started(
        &self,
        batch: &Batch,
        run: RunId,
        attempt: u32,
    ) -> Result<(), JournalError> {
        let (run, at) = (run.get(), millis(self.now()));
        let mark = |cell: &Arc<Cell>| {
            let interrupted = cell.interrupted();
            Mark::Started { run, attempt, interrupted, at }.put(cell.journaled())
        };
        // An abandon may have taken them out meanwhile.
        let changes = || batch.iter().filter(|cell| !cell.is_gone()).map(mark).collect();
        let slot = Arc::new(Slot::default());
        let told = Arc::clone(&slot);
        let then: Then = Box::new(move |result| told.set(result));
        self.line.push_made(Urgency::Start, changes, Some(then));
        slot.take_until(None).unwrap_or(Err(JournalError::Closed))
    }

    /// A message has its fate.
    pub(crate) fn settled(&self, cell: &Cell, ending: Ending, inbound: &Inbound) {
        if cell.journaled() == 0 {
            return;
        }
        let Ending { fate, run, outcome, attempt } = ending;
        match fate {
            // It stays, and comes back. P11.
            Fate::Returned => {
                if let Some(run) = run {
                    self.mark(cell, &Mark::Closed { run: run.get() });
                }
            }
            Fate::Parked => {
                let at = millis(self.now());
                let mark = Mark::Parked { attempt, outcome, at };
                self.parks(cell);
                self.mark(cell, &mark);
            }
            _ => {
                let known = self.known(cell, fate, run, outcome, inbound);
                self.remove(cell, run, known);
                self.forget(inbound);
            }
        }
    }

    /// It can be asked for by its id from now on.
    pub(crate) fn parks(&self, cell: &Cell) {
        self.parked.put(Parked::of(cell, weight(&cell.message)));
    }

    /// What a file that is opened holds already.
    pub(crate) fn takes_up(&self, message: &Message) {
        self.bytes.take_all(weight(message));
    }

    fn known(
        &self,
        cell: &Cell,
        fate: Fate,
        run: Option<RunId>,
        outcome: Option<Outcome>,
        inbound: &Inbound,
    ) -> Option<Known> {
        let off = inbound.dedupe_window.is_zero() || inbound.dedupe_entries == 0;
        let id = cell.message.id().filter(|_| fate.is_remembered() && !off)?;
        Some(Known {
            key: cell.message.key().into(),
            id: id.into(),
            source: cell.message.source().cloned(),
            fate,
            run: run.map(RunId::get),
            outcome,
            at: millis(self.now()),
        })
    }

    fn remove(&self, cell: &Cell, run: Option<RunId>, known: Option<Known>) {
        let number = cell.journaled();
        let mut changes = vec![take(Table::Messages, number)];
        if run.is_some() {
            changes.push(Mark::take(number, Mark::STARTED));
        }
        // Only what may steer or interrupt has a rank.
        if !matches!(cell.message.mode(), Some(Mode::Followup | Mode::Collect)) {
            changes.extend([Mark::RANK, Mark::SEEN].map(|kind| Mark::take(number, kind)));
        }
        if let Some(known) = known {
            changes.push(put(Table::Ids, number, &known));
            self.known.lock().push_back((known.at, number));
        }
        self.bytes.give(weight(&cell.message));
        cell.mark_gone();
        self.line.push(changes);
    }

    /// Takes out the ids that are known no longer: those older than the window, or beyond the
    /// bound. P9.
    fn forget(&self, inbound: &Inbound) {
        let now = millis(self.now());
        let old = |at: u64| Duration::from_millis(now.saturating_sub(at)) >= inbound.dedupe_window;
        let mut known = self.known.lock();
        let beyond = known.len().saturating_sub(inbound.dedupe_entries);
        let n = beyond.max(known.iter().take_while(|(at, _)| old(*at)).count());
        let changes: Vec<_> = known.drain(..n).map(|(_, n)| take(Table::Ids, n)).collect();
        drop(known);
        if !changes.is_empty() {
            self.line.push(changes);
        }
    }

    /// An id that a file that is opened still knows.
    pub(crate) fn knows(&self, at: u64, number: u64) {
        self.known.lock().push_back((at, number));
    }

    /// The lines about dropped messages of a session.
    pub(crate) fn lines(&self, key: &str, kept: &[LinesLike]) {
        let summary = |(like, lines): &LinesLike| Summary {
            authority: like.message.authority.as_deref().map(Into::into),
            source: like.message.source().cloned(),
            lines: lines.lines.clone(),
            count: lines.count,
        };
        let value: Vec<Summary> = kept.iter().map(summary).collect();
        self.keep(Table::Lines, key, (!value.is_empty()).then(|| encode(&value)));
    }

    /// The knobs of a session.
    pub(crate) fn knobs(&self, key: &str, own: Option<&Knobs>) {
        self.keep(Table::Knobs, key, own.map(encode));
    }

    fn keep(&self, table: Table, key: &str, value: Option<Box<[u8]>>) {
        self.line.push(vec![Change { table, key: key.as_bytes().into(), value }]);
    }

    /// How long ago, by the wall clock; a clock that was put back shows no negative time.
    pub(crate) fn since(&self, at: u64) -> Duration {
        Duration::from_millis(millis(self.now()).saturating_sub(at))
    }
}
