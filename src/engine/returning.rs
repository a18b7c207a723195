//! One recovery on its way: each table of the journal is read, and each message takes its place.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::core::Core;
use super::recover::{Came, Recovered};
use super::submit::lane_of;
use crate::ingress::Entered;
use crate::model::{Cause, Fate, Knobs, LaneId, Message, Outcome, RunId, Settled};
use crate::run::{CameBack, Receipt, Session, Shared};
use crate::session::{Back, Cell, Jots, Landed, LastRun, Lines, Terms, reserve};
use crate::store::{
    Journal, JournalError, Known, Mark, Marks, Sent, Summary, Table, decode, number_of, removal,
    take,
};
use crate::sync::Arc;
use crate::watch::{Count, Placement};

/// One recovery, on its way.
pub(super) struct Returning<'a> {
    core: &'a Core,
    jots: &'a Jots,
    journal: &'a dyn Journal,
    came: Recovered,
    receipts: Vec<Receipt>,
    /// Where messages or lines came back; nothing of it goes its way before everything is back.
    /// They do so in the order of their keys.
    sessions: BTreeMap<Arc<str>, Arc<Session>>,
    /// Numbers of parked messages whose places others have taken.
    replaced: HashSet<u64>,
}

/// What a batch whose run had started was at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    Live,
    Returned,
}

/// A message that was read, with the session that it goes to.
struct Read {
    session: Arc<Session>,
    cell: Cell,
    past: CameBack,
}

impl<'a> Returning<'a> {
    pub(super) fn new(core: &'a Core, jots: &'a Jots, journal: &'a dyn Journal) -> Self {
        let (came, receipts) = (Recovered::default(), Vec::new());
        let (sessions, replaced) = (BTreeMap::new(), HashSet::new());
        Self { core, jots, journal, came, receipts, sessions, replaced }
    }

    /// Everything takes its place.
    pub(super) fn all(&mut self) -> Result<(), JournalError> {
        let marks = Marks::all(self.journal)?;
        self.numbers(&marks)?;
        self.ids()?;
        self.knobs()?;
        self.lines()?;
        let parked = self.started(&marks)?;
        for (rank, back) in [(Mark::Urgent, Back::Urgent), (Mark::Steer, Back::Steer)] {
            self.ranked(&marks, &rank, back)?;
        }
        self.turns(&marks)?;
        parked.into_iter().for_each(|read| self.held(read));
        Ok(())
    }

    /// Everything is back, and goes its way; lines for which no message came back go.
    pub(super) fn go_on(mut self) -> Came {
        let shared = self.shared();
        for session in self.sessions.values() {
            shared.transition(session, shared.now(), |m, cx| (m.all_back(cx), ()));
        }
        let pending = self.receipts.iter().filter(|r| r.settled().is_none()).count();
        self.came.pending = pending as u64;
        self.receipts.iter().for_each(|receipt| self.core.adopt(receipt));
        (self.came, self.receipts)
    }

    /// What is back already is returned: the journal has it.
    pub(super) fn give_up(self) {
        let shared = self.shared();
        for session in self.sessions.values() {
            shared.transition(session, shared.now(), |m, cx| (m.close(Cause::Close, cx).0, ()));
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// No number is used twice, neither of messages nor of runs: what is reserved is beyond all
    /// that were drawn.
    fn numbers(&self, marks: &HashMap<u64, Marks>) -> Result<(), JournalError> {
        let next = match self.journal.get(Table::About, b"next")? {
            Some(value) => decode(&value)?,
            None => 1,
        };
        let run = |marks: &Marks| match &marks.started {
            Some(Mark::Started { run, .. }) => *run,
            _ => 0,
        };
        self.shared().skip_run_ids(marks.values().map(run).max().unwrap_or(0));
        self.jots.line.begin_at(next);
        self.jots.line.push(vec![reserve(next)]);
        Ok(())
    }

    /// Ids whose messages have their fate, for as long as they are known.
    fn ids(&self) -> Result<(), JournalError> {
        let shared = self.shared();
        let (inbound, mut run) = (shared.config().inbound.clone(), 0);
        self.journal.read(Table::Ids, &mut |key, value| {
            let (number, known): (_, Known) = (number_of(key)?, decode(value)?);
            run = run.max(known.run.unwrap_or(0));
            if self.jots.since(known.at) >= inbound.dedupe_window {
                self.jots.line.push(vec![take(Table::Ids, number)]);
                return Ok(());
            }
            self.jots.knows(known.at, number);
            let mut message = Message::new(&*known.key, "").with_id(&*known.id);
            if let Some(source) = known.source {
                message = message.with_source(source);
            }
            let mut cell = Cell::on(Terms::default(), message, 0, LaneId(0));
            cell.set_journaled(number);
            let (run, outcome) = (known.run.map(RunId::new), known.outcome);
            let (fate, reply, lead, error) = (known.fate, None, false, None);
            cell.telling.tell(Settled { fate, run, outcome, reply, lead, error });
            self.known(&Receipt::of(Arc::new(cell), nowhere()));
            Ok(())
        })?;
        shared.skip_run_ids(run);
        Ok(())
    }

    /// A later message of the same id is a duplicate of this one.
    fn known(&self, receipt: &Receipt) {
        let (shared, Some(message)) = (self.shared(), receipt.message()) else { return };
        let inbound = &shared.config().inbound;
        if let Entered::First(claim) = self.core.dedupe.enter(inbound, message, || shared.now()) {
            claim.land(receipt);
        }
    }

    fn knobs(&self) -> Result<(), JournalError> {
        self.journal.read(Table::Knobs, &mut |key, value| {
            let knobs: Knobs = decode(value)?;
            let key = text(key)?;
            if let Err(error) = self.core.overrides.put_back(self.shared(), key, knobs) {
                log::warn!(target: "laneq", "the settings of session {key:?} are left out: {error}");
            }
            Ok(())
        })
    }

    /// Lines about messages that gave way.
    fn lines(&mut self) -> Result<(), JournalError> {
        let journal = self.journal;
        journal.read(Table::Lines, &mut |key, value| {
            let session = self.shared().table.session(text(key)?);
            for Summary { authority, source, lines, count } in decode::<Vec<Summary>>(value)? {
                let mut like = Message::new(Arc::clone(&session.key), "");
                like.authority = authority.map(Into::into);
                like.details_mut().source = source;
                let like = Arc::new(Cell::on(Terms::default(), like, session.serial, LaneId(0)));
                session.lock().machine.bring_back_lines(&like, Lines { lines, count });
            }
            self.holds(&session);
            Ok(())
        })
    }

    fn holds(&mut self, session: &Arc<Session>) {
        if !self.sessions.contains_key(&session.key) {
            self.sessions.insert(Arc::clone(&session.key), Arc::clone(session));
        }
    }

    /// Batches whose run a crash interrupted; answers the messages that were parked before.
    fn started(&mut self, marks: &HashMap<u64, Marks>) -> Result<Vec<Read>, JournalError> {
        let mut numbers: Vec<_> = marks.keys().copied().collect();
        numbers.sort_unstable();
        let mut parked = Vec::new();
        let mut batches: BTreeMap<(Arc<str>, u64), (Mark, Vec<Read>)> = BTreeMap::new();
        for number in numbers {
            let own = &marks[&number];
            let Some(read) = self.message(number, own)? else {
                // The last words about a message that is gone.
                self.jots.line.push(removal(number).collect());
                continue;
            };
            if own.parked.is_some() {
                parked.push(read);
            } else if let Some(mark @ Mark::Started { run, .. }) = &own.started {
                let key = (Arc::clone(&read.session.key), *run);
                batches.entry(key).or_insert_with(|| (mark.clone(), Vec::new())).1.push(read);
            }
        }
        let mut batches: Vec<_> = batches.into_values().collect();
        // The last run of a key first: it was the live one, all others were returned.
        let at = |(mark, _): &(Mark, _)| match mark {
            Mark::Started { at, .. } => *at,
            _ => 0,
        };
        batches.sort_by_key(|batch| std::cmp::Reverse(at(batch)));
        let mut live = HashSet::new();
        for (mark, reads) in batches {
            let first = reads.first().is_some_and(|r| live.insert(Arc::clone(&r.session.key)));
            self.batch(&mark, reads, if first { Was::Live } else { Was::Returned });
        }
        Ok(parked)
    }

    /// A batch runs again, unless its runs were interrupted too often.
    fn batch(&mut self, mark: &Mark, reads: Vec<Read>, was: Was) {
        let Mark::Started { run, attempt, .. } = *mark else { return };
        let interrupted = reads.iter().map(|read| read.cell.interrupted()).max().unwrap_or(0);
        if interrupted >= self.shared().config().journal.attempts {
            for read in reads {
                self.came.parked += 1;
                self.one(read, Back::Parked);
            }
            return;
        }
        self.came.retried += reads.len() as u64;
        if was == Was::Returned {
            // One batch can wait to be retried; these go next.
            return reads.into_iter().for_each(|read| self.one(read, Back::Steer));
        }
        let Some(session) = reads.first().map(|read| Arc::clone(&read.session)) else { return };
        self.holds(&session);
        let past: Vec<_> = reads.iter().map(|read| read.past).collect();
        let cells: Vec<_> = reads.into_iter().map(|read| Arc::new(read.cell)).collect();
        cells.iter().for_each(|cell| self.count(cell));
        let last = LastRun { run: RunId::new(run), attempt, outcome: Outcome::Stopped };
        let (shared, own) = (Arc::clone(self.shared()), cells.clone());
        let landed =
            shared.transition(&session, shared.now(), |m, cx| m.bring_back_batch(own, last, cx));
        for ((cell, landed), past) in cells.iter().zip(landed).zip(past) {
            self.came_back(cell, landed, past);
        }
    }

    fn held(&mut self, read: Read) {
        let cell = Arc::new(read.cell);
        if self.replaced.contains(&cell.journaled()) {
            return self.jots.line.push(removal(cell.journaled()).collect());
        }
        self.jots.parks(&cell);
        self.jots.takes_up(&cell.message);
        let (fate, run, outcome, reply) = (Fate::Parked, None, None, None);
        cell.telling.tell(Settled { fate, run, outcome, reply, lead: false, error: None });
        self.came.held += 1;
        let receipt = of(&cell, nowhere(), read.past);
        self.known(&receipt);
        self.receipts.push(receipt);
    }

    fn ranked(
        &mut self,
        marks: &HashMap<u64, Marks>,
        rank: &Mark,
        back: Back,
    ) -> Result<(), JournalError> {
        let of = |own: &Marks| own.waits() && own.rank.as_ref() == Some(rank);
        let mut numbers: Vec<_> = marks.iter().filter(|(_, m)| of(m)).map(|(n, _)| *n).collect();
        numbers.sort_unstable();
        for number in numbers {
            if let Some(read) = self.message(number, &marks[&number])? {
                self.one(read, back);
            }
        }
        Ok(())
    }

    /// Everything else, in order.
    fn turns(&mut self, marks: &HashMap<u64, Marks>) -> Result<(), JournalError> {
        let (journal, none) = (self.journal, Marks::default());
        journal.read(Table::Messages, &mut |key, value| {
            let number = number_of(key)?;
            let own = marks.get(&number).unwrap_or(&none);
            if own.waits() && own.rank.is_none() {
                let read = self.read(number, own, decode(value)?);
                self.one(read, Back::Turn);
            }
            Ok(())
        })
    }

    fn message(&mut self, number: u64, own: &Marks) -> Result<Option<Read>, JournalError> {
        let value = self.journal.get(Table::Messages, &number.to_be_bytes())?;
        let value = value.as_deref();
        value.map(|value| Ok(self.read(number, own, decode(value)?))).transpose()
    }

    /// A message as it was, with what is left of its time. A wall clock that was put back gives it
    /// no more than it had.
    fn read(&mut self, number: u64, own: &Marks, sent: Sent<'_>) -> Read {
        self.replaced.extend(sent.replaces);
        let shared = self.shared();
        let (ttl, depth, attempts) = (sent.ttl, sent.depth, sent.attempts);
        let waited = self.jots.since(sent.accepted);
        let line = sent.line.as_deref().map(Into::into);
        let past = CameBack { accepted: sent.accepted(), attempt: own.attempt() };
        let mut message = sent.message();
        let main = shared.doors.get(LaneId(0));
        let door = lane_of(shared, &message, None).unwrap_or_else(|_| {
            let lane = message.lane().unwrap_or_default();
            log::warn!(target: "laneq", "lane {lane:?} is gone: what waited there comes to main");
            main
        });
        let session = shared.table.session_shared(&message.key);
        // Names are shared: there may be a million of them.
        (message.key, message.lane) = (Arc::clone(&session.key), Some(Arc::clone(&door.name)));
        let queue = &shared.config().queue;
        if attempts != queue.attempts || ttl != queue.ttl {
            let details = message.details_mut();
            (details.attempts, details.ttl) = (Some(attempts), ttl);
        }
        let (now, deadline) = (shared.now(), message.details().deadline);
        let expires = ttl.map(|ttl| now.plus(ttl.saturating_sub(waited)));
        let terms = Terms { attempts, depth, expires, deadline, line, crowded: false };
        let mut cell = Cell::on(terms, message, session.serial, door.id);
        cell.set_journaled(number);
        if let Some(Mark::Started { interrupted, .. }) = own.started {
            // A close is no crash: the program that is restarted every day parks nothing.
            cell.set_interrupted(interrupted + u32::from(!own.was_closed()));
            self.jots.line.push(vec![Mark::take(number, Mark::CLOSED)]);
        }
        if own.seen.is_some() {
            cell.mark_half();
            cell.mark_seen();
        }
        Read { session, cell, past }
    }

    fn one(&mut self, read: Read, back: Back) {
        self.holds(&read.session);
        let (shared, cell) = (Arc::clone(self.shared()), Arc::new(read.cell));
        self.count(&cell);
        let landed =
            shared.transition(&read.session, shared.now(), |m, cx| m.bring_back(&cell, back, cx));
        self.came_back(&cell, landed, read.past);
    }

    /// P4: the books of this engine begin with it. The bounds let it in: it was accepted.
    fn count(&self, cell: &Cell) {
        let shared = self.shared();
        shared.pending.take_all(1);
        shared.bytes.take_all(cell.bytes());
        shared.counters.add(Count::Accepted, 1);
        self.jots.takes_up(&cell.message);
    }

    fn came_back(&mut self, cell: &Arc<Cell>, landed: Landed, past: CameBack) {
        let receipt = of(cell, landed, past);
        self.known(&receipt);
        self.receipts.push(receipt);
    }
}

fn of(cell: &Arc<Cell>, landed: Landed, past: CameBack) -> Receipt {
    Receipt { came_back: Some(Arc::new(past)), ..Receipt::of(Arc::clone(cell), landed) }
}

fn nowhere() -> Landed {
    Landed { placement: Placement::Queued, position: 0, run: None, fallback: None }
}

fn text(key: &[u8]) -> Result<&str, JournalError> {
    str::from_utf8(key).map_err(|_| JournalError::Damaged("a session key that is not UTF-8".into()))
}
