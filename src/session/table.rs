//! From key to session: sharded, and as large as what is in it.
//!
//! References to a session are gained under its shard's lock or from another reference. So, under
//! that lock, a session with one reference (the table's) has no work, claim, ticket, timer entry or
//! handle: it is idle, and goes. There is no flag to get wrong. P10.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::entry::Code;
use super::session::Session;
use crate::model::MessageId;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Hasher, Mutex, Padded, Spread, any_number, hasher, planted};
use crate::time::Clock;

/// A model has one: its sessions meet, and it has fewer states.
const SHARDS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 256 };
/// Entries that each insert looks at, to retire them.
const LOOKS: usize = 2;
/// So many a shard stay, idle or not: most keys come again, and the sweep takes the rest. None in
/// a model, where they are to go as soon as they can.
const STAY: usize = if cfg!(any(loom, shuttle)) { 0 } else { 64 };

struct Shard<C> {
    sessions: HashTable<Arc<Session<C>>>,
    /// Where the next look begins.
    hand: usize,
}

/// All sessions of an engine.
pub(crate) struct Table<C> {
    shards: Box<[Padded<Mutex<Shard<C>>>]>,
    /// Seeded, but for a clock that is turned by hand: then everything comes in the same order.
    hasher: Hasher,
    /// Serial numbers, drawn once a session. Their upper bits are the engine's.
    serials: AtomicU64,
}

impl<C: Code> Table<C> {
    pub(crate) fn new(clock: &Clock) -> Self {
        let shard = || Padded(Mutex::new(Shard { sessions: HashTable::new(), hand: 0 }));
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: hasher(match clock {
                Clock::Real(_) => Spread::Seeded,
                Clock::Manual(_) => Spread::Same,
            }),
            serials: AtomicU64::new(any_number() << MessageId::SERIAL_BITS | 1),
        }
    }

    /// Whether a session of this number is, or was, one of this engine's: others have other numbers,
    /// but for one in 16 million.
    pub(crate) fn has_made(&self, serial: u64) -> bool {
        let engine = |serial: u64| serial >> MessageId::SERIAL_BITS;
        engine(serial) == engine(self.serials.load(Ordering::Relaxed))
    }

    /// The session of this key; a new one if there is none.
    pub(crate) fn session(&self, key: &str) -> Arc<Session<C>> {
        self.session_by(key, || Arc::from(key))
    }

    /// The same for a key that is shared already: a new session keeps it without a copy.
    pub(crate) fn session_shared(&self, key: &Arc<str>) -> Arc<Session<C>> {
        self.session_by(key, || Arc::clone(key))
    }

    fn session_by(&self, key: &str, own: impl FnOnce() -> Arc<str>) -> Arc<Session<C>> {
        let hash = BuildHasher::hash_one(&self.hasher, key);
        let mut retired = [const { None }; LOOKS];
        let mut guard = self.shards[shard_of(hash)].0.lock();
        let shard = &mut *guard;
        if let Some(found) = shard.sessions.find(hash, |s| s.hash == hash && s.is_of(key)) {
            return Arc::clone(found);
        }
        shard.look(&mut retired);
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let session = Arc::new(Session::new(own(), hash, serial));
        shard.sessions.insert_unique(hash, Arc::clone(&session), |s| s.hash);
        drop(guard);
        session
    }

    /// A session of its own for one closure without a key: found by walks only.
    pub(crate) fn loose(&self, key: &Arc<str>) -> Arc<Session<C>> {
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        // Without the engine's part: a simulation meets its sessions in the same order again.
        let hash = BuildHasher::hash_one(&self.hasher, MessageId::serial(serial));
        let session = Arc::new(Session::new(Arc::clone(key), hash, serial));
        let mut retired = [const { None }; LOOKS];
        let mut shard = self.shards[shard_of(hash)].0.lock();
        shard.look(&mut retired);
        shard.sessions.insert_unique(hash, Arc::clone(&session), |s| s.hash);
        drop(shard);
        session
    }

    /// The session of this key, if it has one: asking makes none.
    pub(crate) fn existing(&self, key: &str) -> Option<Arc<Session<C>>> {
        let hash = BuildHasher::hash_one(&self.hasher, key);
        let shard = self.shards[shard_of(hash)].0.lock();
        shard.sessions.find(hash, |s| s.hash == hash && *s.key == *key).cloned()
    }

    /// Calls `visit` with every session that is referenced, shard by shard, no lock held.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<Session<C>>)) {
        for shard in &self.shards {
            let sessions: Vec<_> = shard.0.lock().sessions.iter().cloned().collect();
            sessions.iter().for_each(&mut visit);
        }
    }

    /// The first session, in no order, for which `find` answers something.
    pub(crate) fn find<R>(&self, mut find: impl FnMut(&Arc<Session<C>>) -> Option<R>) -> Option<R> {
        self.shards.iter().find_map(|shard| {
            let sessions: Vec<_> = shard.0.lock().sessions.iter().cloned().collect();
            sessions.iter().find_map(&mut find)
        })
    }

    /// Retires the idle sessions of one shard and shrinks it; answers those that stay.
    pub(crate) fn sweep(&self, shard: u32) -> Vec<Arc<Session<C>>> {
        let mut retired = Vec::new();
        let mut stay = Vec::new();
        let mut guard = self.shards[shard as usize].0.lock();
        let shard = &mut *guard;
        for session in shard.sessions.extract_if(|s| nobody_holds(s) || planted!(RetiresTooEarly)) {
            retired.push(session);
        }
        stay.extend(shard.sessions.iter().cloned());
        shard.shrink();
        drop(guard);
        // P7: whatever a session still held is dropped outside the lock.
        drop(retired);
        stay
    }

    pub(crate) fn shards() -> u32 {
        SHARDS
    }

    /// How many sessions fit in before the table grows: its memory, so to speak.
    pub(crate) fn room(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().sessions.capacity()).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().sessions.len()).sum()
    }
}

fn shard_of(hash: u64) -> usize {
    // The table inside uses the low and the top bits.
    (hash >> 40) as usize % SHARDS as usize
}

/// Whether the table has the last reference. P1: who finds that out sees all that the last holder
/// did, and so does, by the shard's lock, the key's next run, in a session of its own. The count
/// alone, read in passing, would not order the two.
fn nobody_holds<C>(session: &mut Arc<Session<C>>) -> bool {
    Arc::strong_count(session) == 1 && Arc::get_mut(session).is_some()
}

impl<C> Shard<C> {
    /// Looks at two old entries and retires the idle ones among them, where there are many.
    fn look(&mut self, retired: &mut [Option<Arc<Session<C>>>; LOOKS]) {
        if self.sessions.len() < STAY {
            return;
        }
        let buckets = self.sessions.num_buckets();
        let mut seen = 0;
        for _ in 0..buckets.min(16) {
            if seen == LOOKS {
                break;
            }
            self.hand = (self.hand + 1) % buckets;
            let Some(session) = self.sessions.get_bucket_mut(self.hand) else { continue };
            if nobody_holds(session)
                && let Ok(entry) = self.sessions.get_bucket_entry(self.hand)
            {
                retired[seen] = Some(entry.remove().0);
            }
            seen += 1;
        }
    }

    /// Gives memory back below an eighth of the load.
    fn shrink(&mut self) {
        if self.sessions.capacity() > 8 * self.sessions.len().max(4) {
            let keep = self.sessions.len() * 2;
            self.sessions.shrink_to(keep, |s| s.hash);
            self.hand = 0;
        }
    }
}

/// Not in a model, where nobody stays.
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn p10_sessions_that_nobody_holds_go_with_the_next_inserts_and_the_sweep_takes_the_rest() {
        let table: Table<u64> = Table::new(&Clock::real());
        let kept = table.session("kept");
        for n in 0..100_000 {
            drop(table.session(&format!("key {n}")));
        }
        assert!(table.len() < 20_000, "inserts retire: {} stay", table.len());
        (0..SHARDS).for_each(|shard| drop(table.sweep(shard)));
        assert_eq!(table.len(), 1);
        assert!(Arc::ptr_eq(&kept, &table.session("kept")));
        let room = table.room();
        assert!(room < 32 * SHARDS as usize, "the table's memory comes back: room for {room}");
    }

    #[test]
    fn asking_for_a_session_makes_none() {
        let table: Table<u64> = Table::new(&Clock::real());
        assert!(table.existing("k").is_none());
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_key_has_one_session_and_walks_meet_also_those_without_a_key() {
        let table: Table<u64> = Table::new(&Clock::real());
        let shared = Arc::from("b");
        let (a, b) = (table.session("a"), table.session_shared(&shared));
        let loose = table.loose(&shared);
        assert!(table.existing("a").is_some_and(|s| Arc::ptr_eq(&s, &a)));
        assert!(table.existing("b").is_some_and(|s| Arc::ptr_eq(&s, &b)));
        assert!(Arc::ptr_eq(&table.session("b"), &b), "no key leads to a loose one");
        assert_eq!(table.len(), 3);
        let mut met = Vec::new();
        table.for_each(|session| met.push(session.serial));
        met.sort_unstable();
        assert_eq!(met, [a.serial, b.serial, loose.serial]);
        let loose_one = |s: &Arc<Session<u64>>| (s.serial == loose.serial).then_some(7);
        assert_eq!((table.find(loose_one), table.find(|_| None::<()>)), (Some(7), None));
        let stay: usize = (0..Table::<u64>::shards()).map(|shard| table.sweep(shard).len()).sum();
        assert_eq!(stay, 3);
    }

    #[test]
    fn keys_are_spread_over_the_shards() {
        let table: Table<u64> = Table::new(&Clock::real());
        let held: Vec<_> = (0..10 * SHARDS).map(|n| table.session(&n.to_string())).collect();
        let most = table.shards.iter().map(|shard| shard.0.lock().sessions.len()).max();
        assert!(most < Some(40), "ten each: {most:?}");
        assert_eq!(table.len(), held.len());
        assert!((table.len()..32 * table.len()).contains(&table.room()));
    }

    /// One shard with so many idle sessions, and one that is held.
    fn shard(idle: u64) -> (Shard<u64>, Arc<Session<u64>>) {
        let session = |n: u64| Arc::new(Session::new(Arc::from("k"), n << 57 | n, n));
        let mut shard = Shard { sessions: HashTable::new(), hand: 0 };
        let held = session(0);
        shard.sessions.insert_unique(0, Arc::clone(&held), |s| s.hash);
        for n in 1..=idle {
            shard.sessions.insert_unique(n << 57 | n, session(n), |s| s.hash);
        }
        (shard, held)
    }

    #[test]
    fn p4_a_table_knows_the_serial_numbers_that_it_has_given_out() {
        let tables = [(); 2].map(|()| Table::<u64>::new(&Clock::real()));
        let [own, other] = tables.each_ref().map(|table| table.session("k").serial);
        assert!(tables[0].has_made(own) && tables[1].has_made(other));
        assert!(!tables[0].has_made(other) && !tables[1].has_made(own));
        let names = [own, other].map(|serial| MessageId::made(serial, 1).to_string());
        assert_eq!(names, ["m1.1", "m1.1"], "what tells them apart is no part of a name");
    }

    #[test]
    fn p10_each_insert_retires_two_of_many_until_few_are_left() {
        let (mut few, _held) = shard(STAY as u64 - 2);
        few.look(&mut [const { None }; LOOKS]);
        assert_eq!(few.sessions.len(), STAY - 1, "they stay, idle or not");

        let (mut many, held) = shard(999);
        let mut most = 0;
        for _ in 0..2_000 {
            let before = many.sessions.len();
            let mut retired = [const { None }; LOOKS];
            many.look(&mut retired);
            let gone = retired.iter().flatten().count();
            assert_eq!(many.sessions.len(), before - gone);
            assert!(retired.iter().flatten().all(|gone| !Arc::ptr_eq(gone, &held)));
            most = most.max(gone);
        }
        assert_eq!(most, LOOKS);
        assert!((STAY - LOOKS..STAY).contains(&many.sessions.len()), "the hand goes round");
    }

    #[test]
    fn p10_a_shard_shrinks_below_an_eighth_of_its_load() {
        let (mut shard, _held) = shard(1_000);
        shard.hand = 900;
        let room = shard.sessions.capacity();
        shard.shrink();
        assert_eq!((shard.sessions.capacity(), shard.hand), (room, 900), "it is well filled");
        shard.sessions.retain(|s| s.serial < 20);
        shard.shrink();
        let room = shard.sessions.capacity();
        assert!((2 * 20..8 * 20).contains(&room), "there is room for some more: {room}");
        assert_eq!((shard.sessions.len(), shard.hand), (20, 0));

        let eighth = (0..7).map(|n| Arc::new(Session::new(Arc::from("k"), n, n)));
        shard.sessions = HashTable::with_capacity(56);
        for session in eighth {
            shard.sessions.insert_unique(session.hash, session, |s| s.hash);
        }
        shard.shrink();
        assert_eq!(shard.sessions.capacity(), 56, "an eighth is enough");
    }
}
