//! The lanes' doors: where a session's ticket goes in. A worker takes it out on the other side.

use std::collections::HashMap;
use std::time::Duration;

use super::entry::Code;
use super::gate::Gate;
use super::hands::{Grasp, SHARE};
use super::live::Inbox;
use super::next::Tag;
use super::ready::{Ready, Ticket};
use crate::config::check::lane_name;
use crate::config::{Concurrency, Lane};
use crate::model::{Error, LaneId};
use crate::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::sync::swap::{Current, Swap};
use crate::sync::{Arc, Mutex, OnceLock, RwLock};
use crate::time::Moment;
use crate::watch::Histogram;

/// Most lanes of an engine. P9: one more is refused.
pub(crate) const LANES_MAX: usize = 1024;

/// Who takes the tickets of a lane out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Side {
    /// Not known yet: what comes stays.
    New,
    /// Threads of the lane's own.
    Workers,
    /// Threads of the host, through a port. While none is bound, what comes stays.
    Port,
}

/// One lane, as everybody but its workers sees it.
pub(crate) struct Door<C> {
    pub(crate) id: LaneId,
    pub(crate) name: Arc<str>,
    pub(crate) gate: Gate,
    pub(crate) ready: Ready<C>,
    /// Replaced by `reload`.
    settings: Swap<Lane>,
    /// Two of them by themselves, in nanoseconds, since every ticket asks: the deadline of a run,
    /// 0 if there is none, and how long a ticket waits before a warning is said.
    deadline: AtomicU64,
    wait_warning: AtomicU64,
    /// 1 once a reload has removed it: it takes nothing new, and finishes what it has.
    removed: AtomicU8,
    /// The setting as it was given; written by `set_lane`, `pause` and `resume`.
    concurrency: Mutex<Setting>,
    /// Whether the handler takes steers: an [`Inbox`]. Written when the handler is set.
    inbox: AtomicU8,
    /// Who takes its tickets out: a [`Side`]. Written when a handler or a port is set.
    side: AtomicU8,
    /// Worker threads. Compare-exchanged by whoever starts or retires one.
    pub(crate) workers: AtomicU32,
    /// Runs whose slot is lent.
    pub(crate) lent: AtomicU32,
    /// Closures without a key that wait.
    pub(crate) keyless: AtomicU32,
    pub(crate) lane_wait: Histogram,
    pub(crate) message_wait: Histogram,
    pub(crate) run: Histogram,
    /// 1 while somebody takes dead tickets out.
    pub(super) scavenged: AtomicU8,
    /// When `lane.saturated` was last said, in nanoseconds: at most one a second.
    said_saturated: AtomicU64,
}

struct Setting {
    concurrency: Concurrency,
    paused: Paused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Paused {
    No,
    Yes,
}

/// Nanoseconds: 584 years are for ever.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The deadline of runs as a number; 0 is none.
fn deadline_of(lane: &Lane) -> u64 {
    lane.deadline.map_or(0, |deadline| nanos(deadline).max(1))
}

impl<C: Code> Door<C> {
    fn new(id: LaneId, name: Arc<str>, settings: Lane) -> Self {
        let setting = Setting { concurrency: settings.concurrency, paused: Paused::No };
        Self {
            id,
            name,
            gate: Gate::new(settings.concurrency.slots(settings.ceiling)),
            ready: Ready::new(),
            deadline: AtomicU64::new(deadline_of(&settings)),
            wait_warning: AtomicU64::new(nanos(settings.wait_warning)),
            settings: Swap::new(settings),
            removed: AtomicU8::new(0),
            concurrency: Mutex::new(setting),
            inbox: AtomicU8::new(0),
            side: AtomicU8::new(Side::New as u8),
            workers: AtomicU32::new(0),
            lent: AtomicU32::new(0),
            keyless: AtomicU32::new(0),
            lane_wait: Histogram::new(),
            message_wait: Histogram::new(),
            run: Histogram::new(),
            scavenged: AtomicU8::new(0),
            said_saturated: AtomicU64::new(0),
        }
    }

    pub(crate) fn inbox(&self) -> Inbox {
        if self.inbox.load(Ordering::Relaxed) == 1 { Inbox::Open } else { Inbox::Never }
    }

    pub(crate) fn set_inbox(&self, inbox: Inbox) {
        self.inbox.store(u8::from(inbox == Inbox::Open), Ordering::Relaxed);
    }

    pub(crate) fn side(&self) -> Side {
        // SeqCst: whoever issues a ticket changes the gate, then reads this; whoever changes this
        // then looks at the gate. One of them sees the other.
        match self.side.load(Ordering::SeqCst) {
            0 => Side::New,
            1 => Side::Workers,
            _ => Side::Port,
        }
    }

    pub(crate) fn set_side(&self, side: Side) {
        self.side.store(side as u8, Ordering::SeqCst);
    }

    /// Sets the concurrency; a paused lane stays paused with a new figure for later.
    pub(crate) fn set_concurrency(&self, concurrency: Concurrency) {
        self.set(|setting| setting.concurrency = concurrency);
    }

    /// The settings in force.
    #[inline]
    pub(crate) fn settings(&self) -> Current<Lane> {
        self.settings.load()
    }

    /// How long a run may take.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.deadline.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Lane wait from which a warning is said.
    #[inline]
    pub(crate) fn wait_warning(&self) -> Duration {
        Duration::from_nanos(self.wait_warning.load(Ordering::Relaxed))
    }

    /// Replaces the settings; a removed lane is there again. A pause goes on.
    pub(crate) fn reload(&self, settings: Lane) {
        let concurrency = settings.concurrency;
        self.deadline.store(deadline_of(&settings), Ordering::Relaxed);
        self.wait_warning.store(nanos(settings.wait_warning), Ordering::Relaxed);
        self.settings.store(settings);
        self.removed.store(0, Ordering::SeqCst);
        self.set_concurrency(concurrency);
    }

    /// Takes nothing new any more.
    pub(crate) fn remove(&self) {
        self.removed.store(1, Ordering::SeqCst);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed) == 1
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.set(|setting| setting.paused = if paused { Paused::Yes } else { Paused::No });
    }

    fn set(&self, change: impl FnOnce(&mut Setting)) {
        {
            let mut setting = self.concurrency.lock();
            change(&mut setting);
            self.gate.resize(match setting.paused {
                Paused::Yes => 0,
                Paused::No => setting.concurrency.slots(self.settings().ceiling),
            });
        }
        // P7: a port's host is called once one of its runs has a slot again: with no lock held.
        self.gate.serve_resumers();
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.concurrency.lock().concurrency == Concurrency::Unlimited
    }

    /// Once a second at most.
    pub(crate) fn may_say_saturated(&self, now: Moment) -> bool {
        const SECOND: u64 = 1_000_000_000;
        let said = self.said_saturated.load(Ordering::Relaxed);
        let now = now.nanos() + SECOND;
        now >= said + SECOND
            && self
                .said_saturated
                .compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    pub(crate) fn put(&self, tag: Tag, ticket: Ticket<C>) {
        debug_assert!(tag.lane == self.id);
        self.ready.put(tag.priority, ticket);
    }

    /// How somebody with this hand takes its next tickets, of which `most` could go at once: together
    /// where far more wait. One by one, in their order, where only one run executes at a time, and
    /// while closures wait that have no key.
    #[inline]
    pub(crate) fn grasp(&self, hand: usize, most: u32) -> Option<Grasp> {
        if most <= 1 {
            return None;
        }
        let word = self.gate.word();
        let most = most.min(word.tickets / SHARE);
        let in_order = word.cap <= 1 || self.keyless.load(Ordering::SeqCst) > 0;
        (most > 1 && !in_order).then_some(Grasp { hand, most })
    }

    /// A ticket has left the lane, for a run or for nothing.
    pub(crate) fn leaves(&self, ticket: &Ticket<C>) {
        if ticket.session.key.is_empty() {
            self.keyless.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// All lanes of an engine. A lane keeps its index for the engine's life.
pub(crate) struct Doors<C> {
    doors: Box<[OnceLock<Arc<Door<C>>>]>,
    /// Names to indices; read once a message that names a lane, written when a lane is made.
    names: RwLock<HashMap<Arc<str>, LaneId>>,
}

impl<C: Code> Doors<C> {
    pub(crate) fn new() -> Self {
        let doors = (0..LANES_MAX).map(|_| OnceLock::new()).collect();
        Self { doors, names: RwLock::new(HashMap::new()) }
    }

    /// Makes a lane, or answers the one that has this name.
    pub(crate) fn open(&self, name: &str, settings: Lane) -> Result<Arc<Door<C>>, Error> {
        settings.validate(name)?;
        let mut names = self.names.write();
        if let Some(id) = names.get(lane_name(name)) {
            return Ok(Arc::clone(self.get(*id)));
        }
        let index = names.len();
        if index >= LANES_MAX {
            return Err(Error::Full(format!("{LANES_MAX} lanes exist: no room for {name:?}")));
        }
        #[allow(clippy::cast_possible_truncation, reason = "at most 1,024 lanes")]
        let id = LaneId(index as u16);
        let name: Arc<str> = lane_name(name).into();
        let door = Arc::new(Door::new(id, Arc::clone(&name), settings));
        let _ = self.doors[index].set(Arc::clone(&door));
        names.insert(name, id);
        Ok(door)
    }

    #[inline]
    pub(crate) fn get(&self, id: LaneId) -> &Arc<Door<C>> {
        self.doors[usize::from(id.0)].get().expect("a lane id is given out with its door")
    }

    /// The lane of this name; the error lists those that exist.
    pub(crate) fn named(&self, name: &str) -> Result<&Arc<Door<C>>, Error> {
        let door = self.find(lane_name(name)).filter(|door| !door.is_removed());
        door.ok_or_else(|| Error::UnknownLane {
            lane: name.to_owned(),
            lanes: self.all().filter(|d| !d.is_removed()).map(|d| d.name.to_string()).collect(),
        })
    }

    /// The lane of this name, also one that was removed: it may still have work.
    pub(crate) fn even_removed(&self, name: &str) -> Result<&Arc<Door<C>>, Error> {
        self.find(lane_name(name)).map_or_else(|| self.named(name), Ok)
    }

    /// Most engines have a handful of lanes: those are found without a lock that all submits share.
    #[inline]
    fn find(&self, name: &str) -> Option<&Arc<Door<C>>> {
        const HANDFUL: usize = 4;
        self.all()
            .take(HANDFUL)
            .find(|door| *door.name == *name)
            .or_else(|| self.names.read().get(name).map(|id| self.get(*id)))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Door<C>>> {
        self.doors.iter().map_while(OnceLock::get)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(not(any(loom, shuttle)))]
    use super::super::hands::HANDFUL;
    use super::*;

    #[test]
    #[cfg(not(any(loom, shuttle)))]
    fn tickets_are_taken_together_where_far_more_wait_and_their_order_is_nobodys_concern() {
        let door: Door<u64> = Door::new(LaneId(0), "main".into(), Lane::new(2));
        let most = || door.grasp(3, HANDFUL).map(|grasp| (grasp.hand, grasp.most));
        (1..2 * SHARE).for_each(|_| _ = door.gate.arrive());
        assert_eq!(most(), None, "few wait");
        let _ = door.gate.arrive();
        assert_eq!((most(), door.grasp(3, 1).is_none()), (Some((3, 2)), true));
        (0..2 * HANDFUL * SHARE).for_each(|_| _ = door.gate.arrive());
        assert_eq!(most(), Some((3, HANDFUL)));
        door.keyless.store(1, Ordering::SeqCst);
        assert_eq!(most(), None, "closures without a key start in their order");
        door.keyless.store(0, Ordering::SeqCst);
        door.set_concurrency(Concurrency::Limit(1));
        assert_eq!(most(), None, "and so do all sessions of a lane with one slot");
    }

    #[test]
    fn an_unknown_lane_is_an_error_that_lists_the_lanes() {
        let doors: Doors<u64> = Doors::new();
        doors.open("main", Lane::new(1)).expect("a fine name");
        let error = doors.named("mian").err().expect("no such lane").to_string();
        assert_eq!(error, "no lane \"mian\": the lanes are main");
        assert!(doors.named("global").is_ok(), "an alias");
    }
}
