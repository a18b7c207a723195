//! Who goes first where quick runs keep the processors busy: the workers, or who submits.
//!
//! A ticket costs several times what a closure does. Workers that are as quick as those who submit
//! find each session with one closure, and pay a ticket for each; so does who submits. Where they
//! share processors, a worker that lets the others go first for once finds more in each session
//! from then on. Where they do not, it loses a moment: nobody takes its place.

use std::time::Duration;

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
    /// When this span began.
    begun: Moment,
    /// Whether it was the others' turn before this span.
    after: Turn,
    /// Spans that must be short of runs until it is the others' turn; and how many were.
    patience: u32,
    short: u32,
}

impl Pace {
    /// Slices of a span.
    const SPAN: u32 = 32;
    /// From so many runs a slice on, tickets are a small part of the cost; with more, what waits
    /// leaves the caches.
    const RUNS: u32 = 16;
    /// With fewer after the others' turn it has brought nothing: here sessions do not fill.
    const FEW: u32 = 2;
    /// A span of slices that took longer on average is not what tickets hold up: its runs are slow,
    /// or its worker has slept or has been made to wait for its processor.
    const QUICK: Duration = Duration::from_micros(20);
    /// The longest patience, where turns for others have brought nothing.
    const MOST: u32 = 64;

    pub(super) fn new() -> Self {
        Self { slices: 0, runs: 0, begun: Moment::START, after: Turn::Mine, patience: 1, short: 0 }
    }

    /// A slice that began `now` is over, after so many runs.
    #[inline]
    pub(super) fn slice_over(&mut self, runs: u32, now: Moment) -> Turn {
        self.slices += 1;
        self.runs += runs;
        if self.slices < Self::SPAN { Turn::Mine } else { self.span_over(now) }
    }

    fn span_over(&mut self, now: Moment) -> Turn {
        let runs = std::mem::take(&mut self.runs);
        self.slices = 0;
        let took = now.since(std::mem::replace(&mut self.begun, now));
        let after = std::mem::replace(&mut self.after, Turn::Mine);
        if runs >= Self::FEW * Self::SPAN {
            self.patience = 1;
        } else if after == Turn::Others {
            self.patience = (self.patience * 2).min(Self::MOST);
        }
        if took >= Self::QUICK * Self::SPAN || runs >= Self::RUNS * Self::SPAN {
            self.short = 0;
            return Turn::Mine;
        }
        self.short += 1;
        if self.short < self.patience {
            return Turn::Mine;
        }
        self.short = 0;
        self.after = Turn::Others;
        Turn::Others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many spans of slices of so many runs, each of which takes so long: how often it was the
    /// others' turn.
    fn turns(pace: &mut Pace, spans: u32, runs: impl Fn(u32) -> u32, each: Duration) -> u32 {
        let mut turns = 0;
        for slice in 0..spans * Pace::SPAN {
            let now = pace.begun.plus(each * (slice % Pace::SPAN + 1));
            turns += u32::from(pace.slice_over(runs(turns), now) == Turn::Others);
        }
        turns
    }

    const FAST: Duration = Duration::from_micros(1);

    #[test]
    fn a_worker_that_finds_a_run_a_ticket_lets_others_go_first() {
        assert_eq!(turns(&mut Pace::new(), 1, |_| 1, FAST), 1);
        assert_eq!(turns(&mut Pace::new(), 8, |_| Pace::RUNS - 1, FAST), 8);
    }

    #[test]
    fn a_worker_that_finds_enough_goes_on() {
        assert_eq!(turns(&mut Pace::new(), 100, |_| Pace::RUNS, FAST), 0);
    }

    #[test]
    fn slow_runs_and_idle_workers_let_nobody_go_first() {
        assert_eq!(turns(&mut Pace::new(), 100, |_| 1, Pace::QUICK), 0);
    }

    #[test]
    fn what_does_not_help_is_done_less_and_less_until_sessions_fill_again() {
        let mut pace = Pace::new();
        let n = turns(&mut pace, 1000, |_| 1, FAST);
        assert!((1000 / Pace::MOST..30).contains(&n), "{n} of 1000 spans");
        assert_eq!(pace.patience, Pace::MOST);
        assert!(turns(&mut pace, 100, |_| Pace::FEW, FAST) >= 99, "every span again");
    }
}
