//! What the journal is told of a message's way, and in which words. The machine knows nothing of it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use super::batch::Batch;
use super::cell::{Cell, Place};
use super::overflow::LinesLike;
use crate::config::Inbound;
use crate::model::{Fate, Knobs, Message, MessageId, Mode, Outcome, RunId};
pub(crate) use crate::store::JournalError;
use crate::store::{
    Change, Known, Line, Mark, Sent, Summary, Table, Then, encode, millis, put, take,
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
    /// Numbers of parked messages, by id and key. A leaf lock.
    parked: Mutex<HashMap<ParkedAs, u64>>,
    /// Ids of settled messages that are still known, oldest first: when, and under which number.
    /// A leaf lock.
    known: Mutex<VecDeque<(u64, u64)>>,
}

/// Parked messages are asked for by their id.
type ParkedAs = Box<str>;

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
            parked: Mutex::default(),
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
        enter: impl FnOnce(Arc<Cell>, Result<(), JournalError>) + Send + 'static,
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
        sent.ttl = cell.expires.map(|at| at.since(self.clock.now()));
        sent.line = cell.summary.as_deref().map(Into::into);
        let record = encode(&sent);
        drop(sent);
        let old = cell.message.requeued_from().and_then(|id| self.parked.lock().remove(id));
        let (mut cell, mut id) = (Some(cell), MessageId::Made(0, 0));
        let pushed = self.line.push_message(|number| {
            let mut cell = cell.take().expect("called once");
            cell.journaled = number;
            id = cell.id();
            let key = number.to_be_bytes().into();
            let mut changes = vec![Change { table: Table::Messages, key, value: Some(record) }];
            if number.is_multiple_of(RESERVE) {
                changes.push(reserve(number));
            }
            // One commit: it is never parked and requeued, nor neither of them.
            changes.extend(old.into_iter().flat_map(removal));
            let cell = Arc::new(cell);
            let then: Then = Box::new(move |result| enter(cell, result));
            (changes, then)
        });
        match (pushed, cell) {
            (Err(error), Some(cell)) => {
                self.bytes.give(weight);
                Err((cell, error))
            }
            _ => Ok(id),
        }
    }

    /// What is in the line is written, and then the file is closed.
    pub(crate) fn end(&self) {
        self.line.end();
    }

    /// A message that was committed was refused after all: it is the host's again.
    pub(crate) fn refused(&self, cell: &Cell) {
        self.remove(cell, None, None);
    }

    /// Where an accepted message landed, if its place is not simply its turn.
    pub(crate) fn landed(&self, cell: &Cell, place: Place) {
        let mark = match place {
            Place::Urgent => Mark::Urgent,
            Place::Inbox => Mark::Steer,
            _ => return,
        };
        self.line.push(vec![mark.put(cell.journaled)], None);
    }

    /// The steer half of a steer-backlog was delivered.
    pub(crate) fn seen(&self, cell: &Cell) {
        self.line.push(vec![Mark::Seen.put(cell.journaled)], None);
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
            let interrupted = cell.interrupted;
            Mark::Started { run, attempt, interrupted, at }.put(cell.journaled)
        };
        let changes = batch.iter().filter(|cell| cell.journaled > 0).map(mark).collect();
        let slot = Arc::new(Slot::default());
        let told = Arc::clone(&slot);
        self.line.push(changes, Some(Box::new(move |result| told.set(result))));
        slot.take_until(None).unwrap_or(Err(JournalError::Closed))
    }

    /// A message has its fate.
    pub(crate) fn settled(&self, cell: &Cell, ending: Ending, inbound: &Inbound) {
        if cell.journaled == 0 {
            return;
        }
        let Ending { fate, run, outcome, attempt } = ending;
        match fate {
            // It stays, and comes back. P11.
            Fate::Returned => {}
            Fate::Parked => {
                let at = millis(self.now());
                let mark = Mark::Parked { attempt, outcome, at };
                self.parks(cell);
                self.line.push(vec![mark.put(cell.journaled)], None);
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
        self.parked.lock().insert(cell.id().to_string().into(), cell.journaled);
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
        let number = cell.journaled;
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
        self.line.push(changes, None);
    }

    /// Takes out the ids that are known no longer: those older than the window, or beyond the
    /// bound. P9.
    fn forget(&self, inbound: &Inbound) {
        let window = u64::try_from(inbound.dedupe_window.as_millis()).unwrap_or(u64::MAX);
        let old = millis(self.now()).saturating_sub(window);
        let mut known = self.known.lock();
        let beyond = known.len().saturating_sub(inbound.dedupe_entries);
        let n = beyond.max(known.iter().take_while(|(at, _)| *at <= old).count());
        let changes: Vec<_> = known.drain(..n).map(|(_, n)| take(Table::Ids, n)).collect();
        drop(known);
        if !changes.is_empty() {
            self.line.push(changes, None);
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
        self.line.push(vec![Change { table, key: key.as_bytes().into(), value }], None);
    }

    /// How long ago, by the wall clock; a clock that was put back shows no negative time.
    pub(crate) fn since(&self, at: u64) -> Duration {
        Duration::from_millis(millis(self.now()).saturating_sub(at))
    }
}

/// Everything that may be kept of a message.
pub(crate) fn removal(number: u64) -> impl Iterator<Item = Change> {
    let marks = [Mark::STARTED, Mark::RANK, Mark::SEEN, Mark::PARKED];
    let marks = marks.into_iter().map(move |kind| Mark::take(number, kind));
    std::iter::once(take(Table::Messages, number)).chain(marks)
}
