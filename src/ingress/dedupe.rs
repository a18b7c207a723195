//! Ids that came before are remembered for a while, with what became of their messages.
//!
//! An id is claimed before its message is admitted. Whoever comes with the same id meanwhile waits
//! for the claim, with no lock held, and then knows whether it is the duplicate or the next first.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::time::Duration;

use super::first::{First, State};
use crate::config::Inbound;
use crate::model::{Message, Route};
use crate::run::Receipt;
use crate::session::Watch;
use crate::sync::on::{Thread, kind};
use crate::sync::oneshot::{Waited, deadline};
use crate::sync::{Arc, Mutex, RandomState};
use crate::time::Moment;

/// Old ids that one newcomer forgets at most, so that none pays for a whole busy hour. P9.
const FORGOTTEN_AT_ONCE: usize = 8;

/// The ids that an engine remembers. Messages without an id never come here.
#[derive(Default)]
pub(crate) struct Dedupe {
    /// Their keys are secret, so that nobody can make two fingerprints equal.
    hashers: [RandomState; 2],
    /// A leaf lock.
    known: Mutex<Known>,
}

/// Stands for an id, a session key and a route. P9: a route may be as long as a message, and is
/// not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Print(u64, u64);

#[derive(Default)]
struct Known {
    ids: HashMap<Print, Entry>,
    /// By number, that is, oldest first.
    order: BTreeMap<u64, Print>,
    numbers: u64,
}

struct Entry {
    number: u64,
    since: Moment,
    first: Arc<First>,
}

/// What to do with a message.
#[must_use]
pub(crate) enum Entered {
    /// It has no id, or is not to be deduplicated.
    Exempt,
    /// It is the first of its id, unless it is refused.
    First(Claim),
    /// This one came first.
    Duplicate(Receipt),
    /// Another is on its way through the journal, and this is the journal's own thread.
    Undecided,
}

/// An id whose message is about to be admitted; dropped without [`land`](Self::land), it is
/// forgotten. P7: no host code may run meanwhile.
#[must_use]
pub(crate) struct Claim {
    dedupe: Arc<Dedupe>,
    print: Print,
    number: u64,
    first: Arc<First>,
}

/// What a look at the ids found.
enum Look {
    /// Nothing; the id is now claimed.
    Claimed,
    Known,
}

impl Dedupe {
    /// Looks a message up, and claims its id if it is the first. May wait for the claim of
    /// another thread, which is as short as a session's lock; with a journal, as a commit.
    pub(crate) fn enter(
        self: &Arc<Self>,
        knobs: &Inbound,
        message: &Message,
        now: impl Fn() -> Moment,
    ) -> Entered {
        let off = knobs.dedupe_window.is_zero() || knobs.dedupe_entries == 0;
        if message.id.is_none() || off || message.requeued_from().is_some() {
            return Entered::Exempt;
        }
        let print = self.print(message);
        // P9: each further round is for one message that was admitted or refused meanwhile.
        loop {
            let (look, number, first) = self.look(print, knobs, now());
            if let Look::Claimed = look {
                return Entered::First(Claim { dedupe: Arc::clone(self), print, number, first });
            }
            if kind() == Thread::Journal
                && first.decided.wait_until(deadline(Duration::ZERO)) != Waited::Set
            {
                return Entered::Undecided;
            }
            // Set by all means: a claim that is dropped sets it, too.
            let _ = first.decided.wait_until(None);
            match first.receipt() {
                Some(receipt) => return Entered::Duplicate(receipt),
                None => self.forget(print, number),
            }
        }
    }

    fn print(&self, message: &Message) -> Print {
        let route = message.source().map(Route::of);
        let [one, two] = &self.hashers;
        let all = (&message.id, &message.key, route);
        Print(one.hash_one(all), two.hash_one(all))
    }

    /// The first of an id: the one that is known, or else a new one.
    fn look(&self, print: Print, knobs: &Inbound, now: Moment) -> (Look, u64, Arc<First>) {
        // Dropped after unlock: the last of an entry may be the last of a message.
        let mut old = Vec::new();
        let mut known = self.known.lock();
        known.forget_old(knobs, now, &mut old);
        if let Some(entry) = known.ids.get(&print)
            && !entry.is_old(knobs, now)
        {
            return (Look::Known, entry.number, Arc::clone(&entry.first));
        }
        let (number, first) = (known.numbers, Arc::new(First::default()));
        known.numbers += 1;
        let entry = Entry { number, since: now, first: Arc::clone(&first) };
        if let Some(before) = known.ids.insert(print, entry) {
            known.order.remove(&before.number);
            old.push(before);
        }
        known.order.insert(number, print);
        known.forget_beyond(knobs.dedupe_entries, &mut old);
        drop(known);
        (Look::Claimed, number, first)
    }

    /// Forgets an id, unless it has come anew since.
    fn forget(&self, print: Print, number: u64) {
        let mut known = self.known.lock();
        let removed = known.order.remove(&number).and_then(|_| known.ids.remove(&print));
        drop(known);
        drop(removed);
    }
}

impl Known {
    fn forget_first(&mut self, old: &mut Vec<Entry>) {
        if let Some((_, print)) = self.order.pop_first() {
            old.extend(self.ids.remove(&print));
        }
    }

    fn forget_old(&mut self, knobs: &Inbound, now: Moment, old: &mut Vec<Entry>) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let first = self.order.first_key_value().and_then(|(_, print)| self.ids.get(print));
            if !first.is_some_and(|entry| entry.is_old(knobs, now)) {
                break;
            }
            self.forget_first(old);
        }
    }

    /// P9: at most this many; the oldest go first.
    fn forget_beyond(&mut self, most: usize, old: &mut Vec<Entry>) {
        while self.ids.len() > most {
            self.forget_first(old);
        }
    }
}

impl Entry {
    fn is_old(&self, knobs: &Inbound, now: Moment) -> bool {
        now.since(self.since) >= knobs.dedupe_window
    }
}

impl Claim {
    /// The message is accepted; this is its receipt.
    pub(crate) fn land(self, receipt: &Receipt) {
        *self.first.state.lock() = State::Landed(receipt.clone());
        self.first.decided.set();
        // Not before: the watcher is called at once for a message that has its fate already.
        receipt.pending.watch(Arc::clone(&self.first) as Arc<dyn Watch>);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        {
            let mut state = self.first.state.lock();
            let State::Claimed = *state else { return };
            *state = State::Forgotten;
        }
        self.dedupe.forget(self.print, self.number);
        self.first.decided.set();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::model::{Fate, LaneId, Settled, Source};
    use crate::session::{Cell, Landed};
    use crate::watch::Placement;

    const WINDOW: Duration = Duration::from_secs(300);

    fn knobs(entries: usize) -> Inbound {
        Inbound { dedupe_window: WINDOW, dedupe_entries: entries, ..Inbound::default() }
    }

    fn message(id: &str) -> Message {
        Message::new("k", "text").with_id(id)
    }

    fn at(seconds: u64) -> Moment {
        Moment::START.plus(Duration::from_secs(seconds))
    }

    fn cell(id: &str) -> Arc<Cell> {
        Arc::new(Cell::new(message(id), 1, LaneId(0)))
    }

    fn receipt(cell: &Arc<Cell>) -> Receipt {
        let placement = Placement::Scheduled;
        Receipt::of(Arc::clone(cell), Landed { placement, position: 0, run: None, fallback: None })
    }

    fn tell(cell: &Cell, fate: Fate) {
        let (run, outcome, reply, error) = (None, None, None, None);
        cell.telling.tell(Settled { fate, run, outcome, reply, lead: false, error });
    }

    fn claim(dedupe: &Arc<Dedupe>, id: &str, entries: usize, seconds: u64) -> Claim {
        match dedupe.enter(&knobs(entries), &message(id), || at(seconds)) {
            Entered::First(claim) => claim,
            _ => panic!("{id} is new"),
        }
    }

    fn first(dedupe: &Arc<Dedupe>, id: &str) -> Receipt {
        match dedupe.enter(&knobs(10), &message(id), || at(0)) {
            Entered::Duplicate(first) => first,
            _ => panic!("{id} is known"),
        }
    }

    fn sizes(dedupe: &Dedupe) -> (usize, usize) {
        let known = dedupe.known.lock();
        (known.ids.len(), known.order.len())
    }

    #[test]
    fn p9_what_is_kept_of_a_settled_message_is_not_the_message() {
        let dedupe = Arc::new(Dedupe::default());
        let (early, late) = (cell("early"), cell("late"));
        tell(&early, Fate::Ran);
        claim(&dedupe, "early", 10, 0).land(&receipt(&early));
        claim(&dedupe, "late", 10, 0).land(&receipt(&late));
        assert!(first(&dedupe, "late").message().is_some());
        tell(&late, Fate::Parked);
        for (cell, fate) in [(early, Fate::Ran), (late, Fate::Parked)] {
            let id = cell.message.id().expect("it has one").to_owned();
            assert_eq!(Arc::strong_count(&cell), 1);
            let first = first(&dedupe, &id);
            assert_eq!(first.settled().map(|s| s.fate), Some(fate));
            assert_eq!((first.id(), first.key(), first.message()), (cell.id(), "k", None));
        }
    }

    #[test]
    fn p4_each_fate_keeps_the_id_or_forgets_it() {
        let dedupe = Arc::new(Dedupe::default());
        for fate in Fate::ALL {
            let cell = cell(fate.as_str());
            claim(&dedupe, fate.as_str(), 10, 0).land(&receipt(&cell));
            tell(&cell, fate);
            assert_eq!(Arc::strong_count(&cell), 1);
            let again = dedupe.enter(&knobs(10), &message(fate.as_str()), || at(0));
            let forgotten = [Fate::Withdrawn, Fate::Expired, Fate::Returned].contains(&fate);
            assert_eq!(matches!(again, Entered::First(_)), forgotten, "{fate}");
        }
        // A claim that did not land leaves nothing.
        assert_eq!(sizes(&dedupe), (4, 4));
    }

    #[test]
    fn p4_whoever_waits_for_a_claim_gets_the_receipt_or_the_claim() {
        for accepted in [Some(cell("x")), None] {
            let dedupe = Arc::new(Dedupe::default());
            let held = claim(&dedupe, "x", 10, 0);
            let (tx, rx) = channel();
            std::thread::scope(|scope| {
                let asks = || {
                    let asked = || {
                        let _ = tx.send(());
                        at(0)
                    };
                    match dedupe.enter(&knobs(10), &message("x"), asked) {
                        Entered::Duplicate(first) => Some(first.id()),
                        _ => None,
                    }
                };
                let waiter = scope.spawn(asks);
                assert_eq!(rx.recv(), Ok(()));
                match &accepted {
                    Some(cell) => held.land(&receipt(cell)),
                    None => drop(held),
                }
                let got = waiter.join().expect("no panic");
                assert_eq!(got, accepted.as_ref().map(|cell| cell.id()));
            });
        }
    }

    #[test]
    fn p9_old_ids_go_a_few_at_a_time_and_never_more_than_the_bound_stay() {
        let dedupe = Arc::new(Dedupe::default());
        for n in 0..100 {
            let id = n.to_string();
            claim(&dedupe, &id, 20, 0).land(&receipt(&cell(&id)));
        }
        assert_eq!(sizes(&dedupe), (20, 20));
        // An old id counts as forgotten although it is still there.
        claim(&dedupe, "99", 20, 300).land(&receipt(&cell("99")));
        assert_eq!(sizes(&dedupe), (12, 12));
        claim(&dedupe, "98", 20, 599).land(&receipt(&cell("98")));
        assert_eq!(sizes(&dedupe), (4, 4));
        claim(&dedupe, "97", 20, 599).land(&receipt(&cell("97")));
        assert_eq!(sizes(&dedupe), (3, 3));
    }

    #[test]
    fn a_claim_that_was_forgotten_at_the_bound_leaves_the_next_one_alone() {
        let dedupe = Arc::new(Dedupe::default());
        let slow = claim(&dedupe, "x", 1, 0);
        drop(claim(&dedupe, "y", 1, 0));
        let next = claim(&dedupe, "x", 1, 0);
        drop(slow);
        assert_eq!(sizes(&dedupe), (1, 1));
        let cell = cell("x");
        next.land(&receipt(&cell));
        assert_eq!(first(&dedupe, "x").id(), cell.id());
    }

    #[test]
    fn a_print_tells_id_key_and_every_part_of_a_route_apart() {
        let dedupe = Arc::new(Dedupe::default());
        let source = |channel: &str, account: &str, peer: &str| Source {
            channel: channel.into(),
            account: account.into(),
            peer: peer.into(),
            ..Source::default()
        };
        let from = |source| message("x").with_source(source);
        let all = [
            message("x"),
            message("xk"),
            Message::new("kx", "text").with_id("x"),
            from(Source::default()),
            from(source("ab", "c", "")),
            from(source("a", "bc", "")),
            from(source("a", "b", "c")),
            from(Source { kind: crate::model::Kind::Group, ..source("a", "b", "c") }),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(dedupe.print(a) == dedupe.print(b), i == j, "{i} {j}");
            }
        }
    }
}
