//! A lane's gate: slots, tickets and sleeping workers in one atomic word.
//!
//! Every change (a ticket counted, a slot taken, a sleeper counted off) is one atomic step on this
//! word, so no wake-up can fall between two of them. It is written once a ticket, not once a message.

use std::collections::VecDeque;

use super::resume::Resume;
use super::word::Word;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use crate::sync::{Arc, Mutex, Padded, planted};

/// What whoever changed the gate must do next.
#[must_use = "a worker that nobody calls sleeps for ever"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Nobody,
    /// Ring the bell: one sleeper has been counted off.
    Ring,
    /// Nobody sleeps: start a worker if the lane may have one more.
    Hire,
}

/// What a worker found.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It has a slot, and one ticket is its own.
    Ticket,
    /// It is counted as a sleeper: it must wait for the bell.
    Sleep,
}

/// Whether a slice goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    On,
    Ends,
}

/// Whether a worker has put a ticket into its lane and called nobody for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    No,
    Call,
}

/// How a sleep ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Rung,
    /// The time is over, and the sleeper is no longer counted.
    Bored,
}

/// Slots, tickets and sleepers of one lane.
pub(crate) struct Gate {
    /// Written by whoever issues or takes a ticket, and by resizes.
    word: Padded<AtomicU64>,
    /// Runs that want their slot back. Read before a ticket is taken.
    pub(super) resuming: AtomicU32,
    /// How often the number of slots was changed. Not on the lines of the word, which every ticket
    /// writes: whoever executes reads it before each run.
    resizes: AtomicU32,
    /// First come, first served. A leaf lock that only waits touch.
    pub(super) resumers: Mutex<VecDeque<Arc<dyn Resume>>>,
    bell: (Sender<()>, Receiver<()>),
}

impl Gate {
    pub(crate) fn new(cap: u32) -> Self {
        let word = Word { tickets: 0, idle: 0, executing: 0, cap };
        Self {
            word: Padded(AtomicU64::new(word.pack())),
            resuming: AtomicU32::new(0),
            resizes: AtomicU32::new(0),
            resumers: Mutex::new(VecDeque::new()),
            bell: unbounded(),
        }
    }

    pub(crate) fn word(&self) -> Word {
        Word::unpack(self.word.0.load(Ordering::SeqCst))
    }

    pub(crate) fn resuming(&self) -> u32 {
        self.resuming.load(Ordering::SeqCst)
    }

    /// Sequentially consistent throughout: a change here and the reading of `resuming`, or of the number of
    /// workers, must be seen in one order by all.
    pub(super) fn change<R>(&self, step: impl Fn(&mut Word) -> R) -> R {
        let mut seen = self.word.0.load(Ordering::SeqCst);
        loop {
            let mut word = Word::unpack(seen);
            let answer = step(&mut word);
            if planted!(TornGate) {
                self.word.0.store(word.pack(), Ordering::SeqCst);
                return answer;
            }
            match self.word.0.compare_exchange_weak(
                seen,
                word.pack(),
                Ordering::SeqCst,
                Ordering::SeqCst,
            ) {
                Ok(_) => return answer,
                Err(now) => seen = now,
            }
        }
    }

    /// Whoever is needed for what waits.
    fn call(word: &mut Word) -> Call {
        if !word.may_start() {
            Call::Nobody
        } else if word.idle > 0 {
            word.idle -= 1;
            Call::Ring
        } else {
            Call::Hire
        }
    }

    /// Counts a ticket, without a look at the word before; answers the word that this made.
    fn count(&self) -> Word {
        let before = self.word.0.fetch_add(Word::TICKET, Ordering::SeqCst);
        Word::unpack(before + Word::TICKET)
    }

    /// A ticket has been put into a ready channel. While all slots are taken, counting it is all
    /// there is to do: whoever frees one looks at the count.
    pub(crate) fn arrive(&self) -> Call {
        if self.count().may_start() { self.change(Self::call) } else { Call::Nobody }
    }

    /// The same, by a worker that looks for work next: it calls then, for what it leaves.
    pub(crate) fn arrive_uncalled(&self) -> Call {
        self.count();
        Call::Nobody
    }

    /// A worker without a slot looks for work: a slot first, then a ticket.
    pub(crate) fn look(&self) -> Found {
        let held_back = self.resuming.load(Ordering::SeqCst) > 0;
        let found = self.change(|word| Self::look_in(word, held_back));
        self.after_holding_back(held_back);
        found
    }

    /// A worker that made way for a resumer sleeps now: once the resumers are served, what it
    /// left behind must not wait for another arrival.
    fn after_holding_back(&self, held_back: bool) {
        self.serve_resumers();
        if held_back && self.call_if_needed() == Call::Ring {
            self.ring();
        }
    }

    fn look_in(word: &mut Word, held_back: bool) -> Found {
        if word.may_start() && !held_back {
            word.tickets -= 1;
            word.executing += 1;
            Found::Ticket
        } else {
            word.idle += u32::from(!planted!(SleepsUncounted));
            Found::Sleep
        }
    }

    /// A worker gives its slot back and looks for the next ticket, in one step. If it owes a call,
    /// it is nearly always the one that would have been called.
    pub(crate) fn leave_and_look(&self, owed: Owed) -> (Found, Call) {
        let held_back = self.resuming.load(Ordering::SeqCst) > 0;
        let answer = self.change(|word| {
            word.executing -= 1;
            let found = Self::look_in(word, held_back);
            let call = if owed == Owed::Call { Self::call(word) } else { Call::Nobody };
            (found, call)
        });
        self.after_holding_back(held_back);
        answer
    }

    /// A port looks for work: a slot first, then a ticket, as a worker does; but it is not counted
    /// as a sleeper, since it is told of whatever can start.
    pub(crate) fn pull(&self) -> Found {
        self.serve_resumers();
        if self.resuming() > 0 {
            // Whoever serves the last of them calls anew.
            return Found::Sleep;
        }
        self.change(|word| {
            if !word.may_start() {
                return Found::Sleep;
            }
            word.tickets -= 1;
            word.executing += 1;
            Found::Ticket
        })
    }

    /// Whether a port would find something.
    pub(crate) fn may_pull(&self) -> bool {
        self.resuming() == 0 && self.word().may_start()
    }

    /// A worker whose lane has gone over to a port gives back what it found; it calls anew then.
    pub(crate) fn decline(&self) {
        self.change(|word| {
            word.tickets += 1;
            word.executing -= 1;
        });
        self.serve_resumers();
    }

    /// A slot is free again: the run waits, was abandoned, or its worker ends.
    pub(crate) fn leave(&self) -> Call {
        self.change(|word| word.executing -= 1);
        self.serve_resumers();
        self.call_if_needed()
    }

    /// Calls somebody if a ticket could start now.
    pub(crate) fn call_if_needed(&self) -> Call {
        if self.resuming.load(Ordering::SeqCst) > 0 {
            return Call::Nobody;
        }
        self.change(Self::call)
    }

    /// Sets the number of slots. Resumers are to be served then, and whoever is to be called is
    /// called once for each answer.
    pub(crate) fn resize(&self, cap: u32) {
        self.change(|word| word.cap = cap);
        // Behind the change: whoever reads the new count finds the new cap.
        self.resizes.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a run that has ended may be followed by another in its slot: not if the lane was
    /// lowered below those that execute, and not while a resumer waits. `seen` is when it was
    /// found so last: without a resize since, no more execute than may.
    pub(crate) fn goes_on(&self, seen: &mut Option<u32>) -> Goes {
        // Before the word: a resize that comes between is seen the next time.
        let resizes = self.resizes.load(Ordering::SeqCst);
        if self.resuming() > 0 {
            return Goes::Ends;
        }
        if *seen != Some(resizes) {
            let word = self.word();
            if word.executing > word.cap {
                return Goes::Ends;
            }
            *seen = Some(resizes);
        }
        Goes::On
    }

    /// Rings for one sleeper that has been counted off.
    pub(crate) fn ring(&self) {
        // The receiving half lives as long as the sending one: both are here.
        let _ = self.bell.0.send(());
    }

    /// A sleeper waits until it is rung for, or for `patience`.
    pub(crate) fn sleep(&self, patience: std::time::Duration) -> Woken {
        match self.bell.1.recv_timeout(patience) {
            Ok(()) => Woken::Rung,
            Err(RecvTimeoutError::Disconnected) => Woken::Bored,
            Err(RecvTimeoutError::Timeout) => self.stop_sleeping(),
        }
    }

    fn stop_sleeping(&self) -> Woken {
        let counted_off = self.change(|word| {
            if word.idle == 0 {
                return true;
            }
            word.idle -= 1;
            false
        });
        if counted_off {
            // Every count-off is followed by a ring: one of them is this sleeper's.
            let _ = self.bell.1.recv();
            return Woken::Rung;
        }
        Woken::Bored
    }

    /// Counts all sleepers off, and rings for each.
    pub(crate) fn ring_all(&self) {
        let sleepers = self.change(|word| std::mem::take(&mut word.idle));
        (0..sleepers).for_each(|_| self.ring());
    }

    /// Takes a ticket without a slot: only for clearing a lane that will not run it.
    pub(crate) fn take_ticket(&self) -> Found {
        self.change(|word| {
            if word.tickets == 0 {
                return Found::Sleep;
            }
            word.tickets -= 1;
            Found::Ticket
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::oneshot::Latch;

    #[test]
    fn p3_a_lane_never_starts_a_run_while_all_slots_are_taken() {
        let gate = Gate::new(1);
        assert_eq!(gate.arrive(), Call::Hire);
        assert_eq!(gate.arrive(), Call::Hire);
        assert_eq!(gate.look(), Found::Ticket);
        assert_eq!(gate.look(), Found::Sleep);
        assert_eq!(gate.leave_and_look(Owed::No).0, Found::Ticket);
        assert_eq!(gate.word(), Word { tickets: 0, idle: 1, executing: 1, cap: 1 });
    }

    #[test]
    fn a_worker_that_owes_a_call_takes_its_ticket_itself_or_calls_for_what_it_leaves() {
        let gate = Gate::new(2);
        assert_eq!(gate.look(), Found::Sleep);
        let _ = gate.arrive();
        assert_eq!(gate.look(), Found::Ticket);
        assert_eq!(gate.arrive_uncalled(), Call::Nobody);
        assert_eq!(gate.leave_and_look(Owed::Call), (Found::Ticket, Call::Nobody));
        assert_eq!(gate.look(), Found::Sleep);
        assert_eq!(gate.arrive_uncalled(), Call::Nobody);
        assert_eq!(gate.arrive_uncalled(), Call::Nobody);
        assert_eq!(gate.leave_and_look(Owed::Call), (Found::Ticket, Call::Ring));
    }

    #[test]
    fn a_ticket_rings_for_a_sleeper_only_if_it_could_start() {
        let gate = Gate::new(0);
        assert_eq!(gate.look(), Found::Sleep);
        assert_eq!(gate.arrive(), Call::Nobody, "paused");
        gate.resize(1);
        assert_eq!(gate.call_if_needed(), Call::Ring);
        gate.ring();
        assert_eq!(gate.sleep(std::time::Duration::ZERO), Woken::Rung);
        assert_eq!(gate.look(), Found::Ticket);
    }

    #[test]
    fn p3_a_slice_ends_in_a_lane_that_was_lowered_or_has_a_resumer() {
        let (gate, mut seen) = (Gate::new(2), None);
        (0..2).for_each(|_| assert_eq!((gate.arrive(), gate.look()), (Call::Hire, Found::Ticket)));
        assert_eq!(gate.goes_on(&mut seen), Goes::On);
        gate.resize(1);
        assert_eq!(gate.goes_on(&mut seen), Goes::Ends, "two execute");
        let _ = gate.leave();
        assert_eq!(gate.goes_on(&mut seen), Goes::On);
        gate.resize(0);
        assert_eq!(gate.goes_on(&mut seen), Goes::Ends, "paused");
        gate.resize(1);
        gate.resume_by(Arc::new(Latch::default()));
        assert_eq!(gate.goes_on(&mut seen), Goes::Ends, "somebody wants its slot back");
    }

    #[test]
    fn p3_a_run_resumes_in_a_paused_lane_and_before_any_ticket() {
        let gate = Arc::new(Gate::new(1));
        assert_eq!(gate.arrive(), Call::Hire);
        assert_eq!(gate.look(), Found::Ticket);
        let other = Arc::clone(&gate);
        assert_eq!(gate.arrive(), Call::Nobody);
        let resumer = std::thread::spawn(move || other.resume());
        while gate.resuming() == 0 {
            std::thread::yield_now();
        }
        gate.resize(0);
        assert_eq!(gate.leave_and_look(Owed::No).0, Found::Sleep, "the resumer goes first");
        let call = resumer.join().expect("no panic");
        assert_eq!(call, Call::Nobody, "a paused lane calls nobody");
        assert_eq!(gate.word().executing, 1);
    }

    #[test]
    fn a_bored_sleeper_is_counted_off_by_itself() {
        let gate = Gate::new(1);
        assert_eq!(gate.look(), Found::Sleep);
        assert_eq!(gate.sleep(std::time::Duration::ZERO), Woken::Bored);
        assert_eq!(gate.word().idle, 0);
    }
}
