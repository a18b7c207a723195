//! Who goes first where quick runs keep the processors busy: the workers, or who submits.
//!
//! A ticket costs several times what a closure does. Workers that are as quick as those who submit
//! find each session with one closure, and pay a ticket for each; so does who submits. Where they
//! share processors, a worker that lets the others go first for once finds more in each session
//! from then on. It lets them go first for at most two thirds of its time: they may be strangers.

use std::time::Duration;

use crate::session::HANDFUL;
use crate::time::Moment;

/// What a worker does between two slices.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It looks for the next ticket.
    Mine,
    /// It first lets other threads have its processor.
    Others,
}

/// A worker's slices, in spans of so many.
#[derive(Debug)]
pub(super) struct Pace {
    slices: u32,
    runs: u32,
    /// What their runs come to, as so many closures.
    weight: u32,
    /// When this span began.
    begun: Moment,
    /// Until then it works: for half as long as the others had their last turn.
    working: Moment,
    /// Whether that was before this span.
    after: Turn,
    /// Spans that must be short of runs until it is the others' turn; and how many were.
    patience: u32,
    short: u32,
    /// Tickets that it may take at once: some if tickets held up its last span.
    pub(super) handful: u32,
}

impl Pace {
    /// Slices of a span. A model of the whole engine hardly ever lives for more than a few. Not in
    /// loom's kernels: with it one of their planted bugs was not found in its minute.
    const SPAN: u32 = if cfg!(shuttle) { 1 } else { 32 };
    /// From so many runs a slice on, tickets are a small part of the cost; with more, what waits
    /// leaves the caches.
    const RUNS: u32 = 16;
    /// A run of messages counts as so many closures: it takes several times as long, and so does
    /// what waits for it of memory.
    pub(super) const MESSAGES: u32 = 3;
    /// The same of a closure with a receipt, which has memory of its own.
    pub(super) const RECEIPT: u32 = 2;
    /// With fewer runs of any kind after the others' turn it has brought nothing: here sessions do not
    /// fill.
    const FEW: u32 = 2;
    /// A span of slices that took longer on average is not what tickets hold up: its runs are slow,
    /// or its worker has slept or has been made to wait for its processor.
    const QUICK: Duration = Duration::from_micros(20);
    /// The longest patience, where the others' turns have brought nothing.
    const MOST: u32 = 1024;

    pub(super) fn new() -> Self {
        let (begun, working) = (Moment::START, Moment::START);
        Self {
            slices: 0,
            runs: 0,
            weight: 0,
            begun,
            working,
            after: Turn::Mine,
            patience: 1,
            short: 0,
            handful: 1,
        }
    }

    /// A slice that began `now` is over, after so many runs that come to so many closures: whose turn
    /// it is.
    #[inline]
    pub(super) fn slice_over(&mut self, runs: u32, weight: u32, now: Moment) -> Turn {
        self.slices += 1;
        self.runs += runs;
        self.weight += weight;
        if now.since(self.begun) >= Self::QUICK * Self::SPAN {
            // Runs have become slow: whoever takes tickets together would keep others waiting.
            self.handful = 1;
        }
        if self.slices < Self::SPAN { Turn::Mine } else { self.span_over(now) }
    }

    fn span_over(&mut self, now: Moment) -> Turn {
        let runs = std::mem::take(&mut self.runs);
        let weight = std::mem::take(&mut self.weight);
        self.slices = 0;
        let took = now.since(std::mem::replace(&mut self.begun, now));
        let after = std::mem::replace(&mut self.after, Turn::Mine);
        if runs >= Self::FEW * Self::SPAN {
            self.patience = 1;
        } else if after == Turn::Others {
            self.patience = (self.patience * 2).min(Self::MOST);
        }
        if took >= Self::QUICK * Self::SPAN || weight >= Self::RUNS * Self::SPAN {
            (self.handful, self.short) = (1, 0);
            return Turn::Mine;
        }
        self.handful = HANDFUL;
        self.short += 1;
        let due = self.short >= self.patience && now >= self.working;
        if due { Turn::Others } else { Turn::Mine }
    }

    /// The others have had their turn.
    pub(super) fn others_had(&mut self, from: Moment, until: Moment) {
        self.begun = until;
        self.working = until.plus(until.since(from) / 2);
        self.after = Turn::Others;
        self.short = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker with a clock of its own.
    struct Worker {
        pace: Pace,
        now: Moment,
        /// What each of its runs counts.
        each: u32,
    }

    const FAST: Duration = Duration::from_micros(1);

    impl Worker {
        fn new() -> Self {
            // Not at the start: an engine is older than its first span.
            let now = Moment::from_nanos(1_000_000_000);
            let mut worker = Self { pace: Pace::new(), now, each: 1 };
            assert_eq!(worker.works(1, 1, FAST), 0, "its first span began with the engine");
            worker
        }

        /// So many spans of slices of so many runs, each of which takes so long: how often it was
        /// the others' turn, which takes no time.
        fn works(&mut self, spans: u32, runs: u32, each: Duration) -> u32 {
            (0..spans).map(|_| u32::from(self.span(runs, each, Duration::ZERO))).sum()
        }

        fn span(&mut self, runs: u32, each: Duration, turn: Duration) -> bool {
            let mut others = false;
            for _ in 0..Pace::SPAN {
                self.now = self.now.plus(each);
                if self.pace.slice_over(runs, runs * self.each, self.now) == Turn::Others {
                    let from = self.now;
                    self.now = self.now.plus(turn);
                    self.pace.others_had(from, self.now);
                    others = true;
                }
            }
            others
        }
    }

    #[test]
    fn a_worker_that_finds_few_runs_a_ticket_lets_others_go_first() {
        let mut worker = Worker::new();
        assert_eq!(worker.works(1, 1, FAST), 1);
        assert_eq!(worker.works(8, Pace::RUNS - 1, FAST), 8);
        assert_eq!(worker.works(8, Pace::RUNS, FAST), 0, "sessions have filled");
    }

    #[test]
    fn fewer_runs_of_messages_or_with_receipts_make_up_for_a_ticket() {
        for each in [Pace::MESSAGES, Pace::RECEIPT] {
            let mut worker = Worker { each, ..Worker::new() };
            let enough = Pace::RUNS.div_ceil(each);
            assert_eq!(worker.works(8, enough - 1, FAST), 8);
            assert_eq!(worker.works(8, enough, FAST), 0);
            assert!(worker.works(64, 1, FAST) < 8, "one for each session is few all the same");
        }
    }

    #[test]
    fn a_worker_takes_tickets_together_while_its_runs_are_quick_and_few_a_ticket() {
        let mut worker = Worker::new();
        let mut handful = |runs: u32, each: Duration| {
            worker.works(1, runs, each);
            worker.pace.handful
        };
        assert_eq!(handful(1, FAST), HANDFUL);
        assert_eq!(handful(1, Pace::QUICK), 1, "slow runs would keep others waiting");
        assert_eq!(handful(Pace::RUNS - 1, FAST), HANDFUL);
        assert_eq!(handful(Pace::RUNS, FAST), 1, "tickets are a small part of the cost");
        assert_eq!(handful(1, FAST), HANDFUL);
        worker.now = worker.now.plus(Pace::QUICK * Pace::SPAN);
        assert_eq!(worker.pace.slice_over(1, 1, worker.now), Turn::Mine);
        assert_eq!(worker.pace.handful, 1, "one slow run is enough");
    }

    #[test]
    fn slow_runs_and_idle_workers_let_nobody_go_first() {
        let mut worker = Worker::new();
        assert_eq!(worker.works(100, 1, Pace::QUICK), 0);
        assert_eq!(worker.works(1, 1, FAST * 19), 1, "as soon as they are quick");
    }

    #[test]
    fn what_does_not_help_is_done_less_and_less_until_sessions_fill_again() {
        let mut worker = Worker::new();
        // After 1, 3, 7, 15 spans and so on, and at last after each 1,024.
        assert_eq!(worker.works(2 * Pace::MOST - 1, 1, FAST), 11);
        assert_eq!(worker.works(4 * Pace::MOST, 1, FAST), 4);
        assert_eq!(worker.works(100, Pace::FEW, FAST), 100, "each span again");
    }

    #[test]
    fn short_spans_in_a_row_count_and_others_do_not() {
        let mut worker = Worker::new();
        worker.pace.patience = 2;
        for _ in 0..10 {
            assert_eq!(worker.works(1, 1, FAST) + worker.works(1, 1, Pace::QUICK), 0);
        }
        assert_eq!(worker.works(2, 1, FAST), 1);
    }

    #[test]
    fn others_have_at_most_two_thirds_of_the_time() {
        let mut worker = Worker::new();
        let span = FAST * Pace::SPAN;
        let turns = (0..100).filter(|_| worker.span(Pace::FEW, FAST, span * 20)).count();
        assert_eq!(turns, 10, "it works for ten spans after each");
    }

    #[test]
    fn a_turn_that_nobody_took_is_still_due() {
        let mut worker = Worker::new();
        for slice in 1..=2 * Pace::SPAN {
            worker.now = worker.now.plus(FAST);
            let turn = worker.pace.slice_over(1, 1, worker.now);
            assert_eq!(turn == Turn::Others, slice % Pace::SPAN == 0, "slice {slice}");
        }
    }
}
