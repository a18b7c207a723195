//! A message on its way: what the session, the run and the receipt share.

use std::time::Duration;

use super::entry::{Code, ask_for_shared};
use super::envelope::Envelope;
use super::standing::{Place, Standing};
use super::telling::Telling;
use crate::model::{LaneId, Message, MessageId, Reply};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::magazines::magazines;
use crate::time::Moment;

/// A message that was, or is about to be, admitted.
///
/// One allocation: whoever executes it finds all of it side by side. One thread makes it and another
/// lets it go, for which glibc's arena would be locked; but its memory is used again.
pub(crate) struct Cell {
    pub(crate) message: Envelope,
    pub(crate) standing: Standing,
    pub(crate) telling: Telling<Reply>,
    /// Serial number of its session.
    pub(crate) serial: u64,
    pub(crate) attempts: u32,
    pub(crate) lane: LaneId,
    /// Levels of runs above it: 0 for a message from outside.
    pub(crate) depth: u8,
    /// What most messages have none of.
    rare: Option<Box<Rare>>,
    /// What has happened to it: bits, each set once.
    marks: AtomicU8,
}

/// On what terms a message enters its session.
pub(crate) struct Terms {
    /// How often its batch may run.
    pub(crate) attempts: u32,
    /// Levels of runs above it.
    pub(crate) depth: u8,
    /// When it may no longer start or be delivered.
    pub(crate) expires: Option<Moment>,
    /// How long its run may take.
    pub(crate) deadline: Option<Duration>,
    /// The host's line about it, should it have to give way.
    pub(crate) line: Option<Box<str>>,
    /// Whether its lane has no slot to spare.
    pub(crate) crowded: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { attempts: 1, depth: 0, expires: None, deadline: None, line: None, crowded: false }
    }
}

impl Terms {
    fn rare(self) -> Option<Box<Rare>> {
        let Self { expires, deadline, line, .. } = self;
        let any = expires.is_some() || deadline.is_some() || line.is_some();
        any.then(|| Box::new(Rare { expires, deadline, line, ..Rare::default() }))
    }

    fn marks(&self) -> u8 {
        if self.crowded { Cell::CROWDED } else { 0 }
    }
}

magazines! {
    /// Where messages were.
    static CELLS: Arc<Cell>;
}

/// The rarer parts of a message on its way.
#[derive(Default)]
struct Rare {
    /// When it may no longer start or be delivered.
    expires: Option<Moment>,
    deadline: Option<Duration>,
    line: Option<Box<str>>,
    /// Its number in the journal; 0 without one.
    journaled: u64,
    /// Runs of it that the end of a process interrupted.
    #[cfg(feature = "journal")]
    interrupted: u32,
}

impl Cell {
    /// The steer half of a steer-backlog was delivered. Set under the session's lock.
    const SEEN: u8 = 1;
    /// It was accepted as a steer-backlog. Set under the session's lock.
    const HALF: u8 = 2;
    /// The journal is about to forget it. Read under the lock of the journal's line, which is
    /// taken after it is set.
    #[cfg(feature = "journal")]
    const GONE: u8 = 4;
    /// Its lane had no slot to spare when it came: then it is told that it waits.
    const CROWDED: u8 = 8;

    #[cfg(test)]
    pub(crate) fn new(message: Message, serial: u64, lane: LaneId) -> Self {
        Self::on(Terms::default(), message, serial, lane)
    }

    /// Made whole at once: what is added later is copied once more.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its caller puts it where it stays")]
    pub(crate) fn on(terms: Terms, message: Message, serial: u64, lane: LaneId) -> Self {
        let (attempts, depth, marks) = (terms.attempts, terms.depth, terms.marks());
        Self {
            message: Envelope::new(message),
            standing: Standing::default(),
            telling: Telling::default(),
            serial,
            attempts,
            lane,
            depth,
            rare: terms.rare(),
            marks: AtomicU8::new(marks),
        }
    }

    /// In the memory of one that is gone, if there is one.
    #[inline]
    pub(crate) fn made<C: Code>(
        terms: Terms,
        message: Message,
        serial: u64,
        lane: LaneId,
    ) -> Arc<Self> {
        let Some(mut cell) = CELLS.take(Ok, ask_for_shared::<C, _>) else {
            return Arc::new(Self::on(terms, message, serial, lane));
        };
        let emptied = Arc::get_mut(&mut cell).expect("nobody has what is in a magazine");
        emptied.message.fill(message);
        emptied.standing = Standing::default();
        (emptied.serial, emptied.lane) = (serial, lane);
        (emptied.attempts, emptied.depth) = (terms.attempts, terms.depth);
        emptied.marks = AtomicU8::new(terms.marks());
        emptied.rare = terms.rare();
        cell
    }

    /// Leaves its memory to another message, if nobody else has it.
    #[inline]
    pub(crate) fn leave(mut self: Arc<Self>) {
        if Arc::strong_count(&self) == 1
            && let Some(cell) = Arc::get_mut(&mut self)
        {
            cell.message.empty();
            cell.telling.empty();
            cell.rare = None;
            CELLS.give(self);
        }
    }

    pub(crate) fn id(&self) -> MessageId {
        match &self.message.id {
            Some(id) => MessageId::Given(Arc::clone(id)),
            // The same after a restart; no session has the serial number 0.
            None if self.journaled() > 0 => MessageId::Made(0, self.journaled()),
            None => MessageId::made(self.serial, self.standing.number()),
        }
    }

    /// As limits count them.
    pub(crate) fn bytes(&self) -> u64 {
        self.message.bytes() as u64
    }

    /// When it may no longer start or be delivered.
    pub(crate) fn expires(&self) -> Option<Moment> {
        self.rare.as_ref()?.expires
    }

    /// How long its run may take.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.rare.as_ref()?.deadline
    }

    /// The host's line about it, should it have to give way.
    pub(crate) fn line(&self) -> Option<&str> {
        self.rare.as_ref()?.line.as_deref()
    }

    /// Its number in the journal; 0 without one.
    pub(crate) fn journaled(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.journaled)
    }

    #[cfg(feature = "journal")]
    pub(crate) fn set_journaled(&mut self, number: u64) {
        self.rare.get_or_insert_default().journaled = number;
    }

    /// Runs of it that the end of a process interrupted.
    #[cfg(feature = "journal")]
    pub(crate) fn interrupted(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.interrupted)
    }

    #[cfg(feature = "journal")]
    pub(crate) fn set_interrupted(&mut self, times: u32) {
        self.rare.get_or_insert_default().interrupted = times;
    }

    fn mark(&self, what: u8) {
        self.marks.fetch_or(what, Ordering::Relaxed);
    }

    fn has(&self, mark: u8) -> bool {
        self.marks.load(Ordering::Relaxed) & mark != 0
    }

    /// Whether a later turn of its own waits in the backlog while it is a steer.
    pub(crate) fn has_half(&self) -> bool {
        self.has(Self::HALF)
    }

    pub(crate) fn mark_half(&self) {
        self.mark(Self::HALF);
    }

    /// Whether it came to a lane without a slot to spare.
    pub(crate) fn is_crowded(&self) -> bool {
        self.has(Self::CROWDED)
    }

    /// Whether a journal has nothing of it, or is about to forget it.
    #[cfg(feature = "journal")]
    pub(crate) fn is_gone(&self) -> bool {
        self.journaled() == 0 || self.has(Self::GONE)
    }

    #[cfg(feature = "journal")]
    pub(crate) fn mark_gone(&self) {
        self.mark(Self::GONE);
    }

    /// `ttl` runs to the first start or to the delivery.
    pub(crate) fn may_expire(&self) -> bool {
        let place = self.standing.place();
        let waits = [Place::Queued, Place::Urgent, Place::Promoted, Place::Inbox].contains(&place);
        waits && !self.seen()
    }

    pub(crate) fn mark_seen(&self) {
        self.mark(Self::SEEN);
    }

    pub(crate) fn seen(&self) -> bool {
        self.has(Self::SEEN)
    }

    /// Whether both may answer and act together: equal route and authority, and one agent, which
    /// the host's own keys and those of hooks do not tell.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        let (own, its) = (self.message.source(), other.message.source());
        self.message.authority == other.message.authority
            && crate::model::same_route(own, its)
            && crate::model::same_agent(own, its)
    }

    /// Whether both may be messages of one batch. P2: merging needs all of these.
    pub(crate) fn merges_with(&self, other: &Self) -> bool {
        self.lane == other.lane
            && self.attempts == other.attempts
            && self.deadline() == other.deadline()
            && self.same_origin(other)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// With the two counts of its `Arc`: what is asked for ahead is all of it.
    #[test]
    fn a_cell_has_at_most_216_bytes() {
        assert!(size_of::<Cell>() + 2 * size_of::<usize>() <= 216, "{}", size_of::<Cell>());
    }

    /// No closure of this tests' own is asked for.
    struct NoCode;
    impl Code for NoCode {}

    fn made(text: &str) -> Arc<Cell> {
        let terms = Terms { attempts: 3, line: Some("line".into()), ..Terms::default() };
        Cell::made::<NoCode>(terms, Message::new("k", text), 7, LaneId(2))
    }

    #[test]
    fn p9_the_memory_of_a_message_is_used_again_once_nobody_has_it() {
        let (cell, text) = (made("first"), Arc::<str>::from("shared, ".repeat(32)));
        let (was, other) = (Arc::as_ptr(&cell), Arc::clone(&cell));
        cell.leave();
        let cell = Cell::made::<NoCode>(
            Terms::default(),
            Message::new("k", Arc::clone(&text)),
            8,
            LaneId(3),
        );
        assert_ne!(Arc::as_ptr(&cell), was, "somebody has it");
        assert_eq!(Arc::strong_count(&text), 2);
        cell.mark_seen();
        cell.leave();
        assert_eq!(Arc::strong_count(&text), 1, "nothing of it is kept");
        other.leave();
        let cell = made("second");
        assert_eq!(Arc::as_ptr(&cell), was, "the last who left it");
        assert_eq!((cell.message.text(), cell.line(), cell.attempts), ("second", Some("line"), 3));
        assert_eq!((cell.serial, cell.lane, cell.standing.place()), (7, LaneId(2), Place::Outside));
        assert!(!cell.seen() && !cell.is_crowded() && cell.telling.get().is_none());
    }

    #[test]
    fn p9_the_memory_of_its_text_is_used_again_too() {
        let text = "a text that has no room in place";
        let cell = made(text);
        let was = cell.message.text().as_ptr();
        cell.leave();
        // An allocator would hand it out to whoever is next.
        let next = [0_u8; 4].map(|byte| Box::new([byte; 120]));
        let message = Message::new("k", text);
        assert!(next.iter().all(|next| next.as_ptr() != was));
        assert_eq!((message.text().as_ptr(), message.text()), (was, text));
    }
}
