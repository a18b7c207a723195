//! The table, tokens, fates and the channel, each for itself.

use super::stage::{Stage, fate, join};
use crate::model::Settled;
use crate::session::{Telling, Wake, Watch};
use crate::sync::channel::unbounded;
use crate::sync::tally::{AtomicU64, Ordering};
use crate::sync::{Arc, thread};
use crate::watch::{Quota, Room, Seats};
use crate::{Cancelled, Cause, Fate, Token};

fn go(body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn("thread".to_owned(), body).expect("a thread")
}

/// The sweep takes idle sessions out while messages for them come: never one that is needed.
pub(super) fn p10_retirement_meets_arrival() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let sweeps = stage.go(|stage| drop(stage.shared.table.sweep(0)));
    let first = stage.submit("k", "a");
    let second = stage.submit("k", "b");
    assert_eq!((fate(&first), fate(&second)), (Fate::Ran, Fate::Ran));
    join(sweeps);
    assert_eq!(stage.texts(), ["a", "b"], "P2");
    stage.finish();
}

/// Two cancels, one from above: each node knows one cause, each callback is called once.
pub(super) fn p6_parent_and_child_are_cancelled_at_once() {
    let parent = Token::new();
    let child = parent.child();
    let leaf = child.child();
    let calls = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&calls);
    let call = move |_| _ = counts.fetch_add(1, Ordering::SeqCst);
    leaf.on_cancel(call).forget();
    let above = parent.clone();
    let other = go(move || assert_eq!(above.cancel(Cause::Stop), Cancelled::Now));
    let answer = child.cancel(Cause::Host);
    let cause = child.cancelled().expect("P6: it is cancelled when the call returns");
    match answer {
        Cancelled::Now => assert_eq!(cause, Cause::Host),
        Cancelled::Before(first) => assert_eq!((first, cause), (Cause::Stop, Cause::Stop)),
    }
    join(other);
    assert!(leaf.cancelled().is_some(), "P6: a cancel reaches every descendant");
    assert_eq!((child.cancelled(), parent.cancelled()), (Some(cause), Some(Cause::Stop)));
    assert_eq!(calls.load(Ordering::SeqCst), 1, "P6: once");
}

/// Children come and go while the tree is cancelled: none stays alive.
pub(super) fn p6_a_child_is_made_while_its_parent_is_cancelled() {
    let parent = Token::new();
    let (one, two) = (parent.clone(), parent.child());
    let cancels = go(move || assert_eq!(one.cancel(Cause::Stop), Cancelled::Now));
    let gone = go(move || drop(two));
    let child = parent.child();
    let leaf = child.child();
    drop(child);
    join(cancels);
    join(gone);
    assert_eq!(leaf.cancelled(), Some(Cause::Stop), "P6: late children hear of it too");
}

/// Dropping a registration: afterwards its callback does not run and is not running.
pub(super) fn p6_an_unregistered_callback_is_not_running() {
    let token = Token::new();
    let inside = Arc::new(AtomicU64::new(0));
    let marks = Arc::clone(&inside);
    let registration = token.on_cancel(move |_| {
        marks.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        marks.fetch_add(1, Ordering::SeqCst);
    });
    let canceller = token.clone();
    let cancels = go(move || assert_eq!(canceller.cancel(Cause::Stop), Cancelled::Now));
    drop(registration);
    let marks = inside.load(Ordering::SeqCst);
    assert_ne!(marks, 1, "P7: it is running");
    join(cancels);
    assert_eq!(inside.load(Ordering::SeqCst), marks, "P7: it ran afterwards");
}

struct Ear(AtomicU64);

impl Watch for Ear {
    fn wake(&self, why: Wake) {
        assert_eq!(why, Wake::Settled);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// One tells, two wait, one of them by a watcher.
pub(super) fn p4_a_fate_reaches_who_waits_and_who_watches() {
    let telling = Arc::new(Telling::<()>::default());
    let ear = Arc::new(Ear(AtomicU64::new(0)));
    let (tells, hears) = (Arc::clone(&telling), Arc::clone(&telling));
    let teller = go(move || {
        let (fate, reply, error) = (Fate::Ran, None, None);
        tells.tell(Settled { fate, run: None, outcome: None, reply, lead: true, error });
    });
    let waiter = go(move || assert_eq!(hears.wait(None).map(|s| s.fate), Some(Fate::Ran)));
    telling.watch(Arc::clone(&ear) as Arc<dyn Watch>);
    assert_eq!(telling.wait(None).map(|s| s.fate), Some(Fate::Ran));
    join(teller);
    join(waiter);
    assert_eq!(ear.0.load(Ordering::SeqCst), 1, "P4: told once");
}

/// Credits that move between a stripe and the rest are never taken for given back: a drain that
/// adds up meanwhile does not end too early.
pub(super) fn p4_a_quota_never_says_less_than_is_out() {
    // So few that a stripe keeps two at most.
    let quota = Arc::new(Quota::new(8));
    (0..5).for_each(|_| assert_eq!(quota.take(1), Room::Taken));
    let gives = Arc::clone(&quota);
    let other = go(move || {
        (0..3).for_each(|_| gives.give(1));
        assert_eq!(gives.take(2), Room::Taken);
    });
    assert!(quota.taken() >= 2, "P4: two are out all the time");
    join(other);
    assert_eq!(quota.taken(), 4);
}

/// What one thread gathers from the seats is on its way for a moment: another is not refused for it.
pub(super) fn p9_nobody_is_refused_for_credits_on_their_way() {
    let quota = Arc::new(Quota::new(3));
    let seat = Seats::new().take().expect("there is one");
    assert_eq!(quota.take(3), Room::Taken);
    quota.give_own(&seat, 3);
    let takes = Arc::clone(&quota);
    let other = go(move || assert_eq!(takes.take(1), Room::Taken, "P9: two of three are free"));
    assert_eq!(quota.take(1), Room::Taken, "P9: two of three are free");
    join(other);
    assert_eq!(quota.taken(), 2);
}

/// A child is taken in on one stripe, then its parent given back on another, and a drain adds up
/// meanwhile: it never sees neither.
pub(super) fn p4_a_quota_is_never_empty_between_parent_and_child() {
    let quota = Arc::new(Quota::new(100));
    assert_eq!(quota.take(1), Room::Taken);
    let (tx, rx) = unbounded();
    let run = Arc::clone(&quota);
    let spawns = go(move || {
        // From now on this stripe has credits of its own.
        assert_eq!(run.take(1), Room::Taken);
        run.give(1);
        let adds_up = Arc::clone(&run);
        let drain = go(move || assert!(adds_up.taken() >= 1, "P4: one is out all the time"));
        assert_eq!(run.take(1), Room::Taken);
        run.moved();
        tx.send(()).expect("the parent waits");
        join(drain);
    });
    assert!(rx.recv().is_ok());
    quota.give(1);
    join(spawns);
    assert_eq!(quota.taken(), 1);
}

/// In order from each sender, each value to one receiver, and the end is told behind the last.
pub(super) fn the_channel_of_the_models_keeps_its_contract() {
    let (tx, rx) = unbounded();
    let other = tx.clone();
    let (sum, receiver) = (Arc::new(AtomicU64::new(0)), rx.clone());
    let sums = Arc::clone(&sum);
    let receive = go(move || {
        while let Ok(value) = receiver.recv() {
            sums.fetch_add(value, Ordering::SeqCst);
        }
    });
    let send = go(move || other.send(1).expect("the receivers live"));
    tx.send(10).expect("the receivers live");
    drop(tx);
    while let Ok(value) = rx.recv() {
        sum.fetch_add(value, Ordering::SeqCst);
    }
    join(send);
    join(receive);
    assert_eq!(sum.load(Ordering::SeqCst), 11);
}
