//! What becomes due: timers of sessions and tokens, chores of others, and the slow sweep of the table.

use std::time::Duration;

use super::entry::Code;
use super::session::{Session, Sleep};
use super::shared::Shared;
use super::table::Table;
use super::token::Token;
use crate::sync::Arc;
use crate::time::{Due, Moment};

/// Something that becomes due.
pub(crate) enum What<C> {
    Session(Arc<Session<C>>),
    /// A token with a deadline of its own.
    Token(Token),
    /// Something of a module above this one.
    Chore(Arc<dyn Chore<C>>),
    /// One round of the sweep that retires idle sessions and looks for stuck runs, from this shard
    /// of the table on.
    Sweep(u32),
}

/// What an upper module has to do at a time. Called on the timer thread, with no lock held: it
/// never blocks, calls no host code (P7), and arms itself anew if it wants to be called again.
pub(crate) trait Chore<C>: Send + Sync {
    fn due(self: Arc<Self>, shared: &Arc<Shared<C>>);
}

impl<C: Code> Due for What<C> {
    fn wanted(&self, at: Moment) -> bool {
        match self {
            Self::Session(session) => session.armed() == at.nanos() + 1,
            Self::Token(token) => token.cancelled().is_none() && token.is_held(),
            Self::Chore(_) | Self::Sweep(_) => true,
        }
    }
}

/// Between two rounds of the sweep.
pub(crate) const SWEEP: Duration = Duration::from_millis(60);

/// Rounds that take the whole table.
pub(crate) const SWEEP_ROUNDS: u32 = 16;

/// A round that has taken so long ends with the shard that it is at.
const ROUND_ENDS: Duration = Duration::from_millis(2);

/// The part of a processor that the sweep takes at most: one in so many.
const SHARE: u32 = 10;

/// A round that seems to have taken longer was held up, which is no reason to wait for long.
const LONGEST: Duration = Duration::from_millis(25);

/// From the beginning of a round, which took so many of all shards and so long, to the next.
fn pause(done: u32, shards: u32, took: Duration) -> Duration {
    (SWEEP * SWEEP_ROUNDS * done / shards).max(took.min(LONGEST) * SHARE)
}

impl<C: Code> Shared<C> {
    /// A due entry of the timer.
    pub(crate) fn fire(self: &Arc<Self>, at: Moment, what: What<C>) {
        let now = self.now();
        match what {
            What::Session(session) => {
                self.transition(&session, now, |machine, cx| (machine.fire(at, cx), ()));
            }
            What::Token(token) => {
                if let Some(fired) = token.signal(crate::model::Cause::Deadline) {
                    self.call(fired);
                }
            }
            What::Chore(chore) => chore.due(self),
            What::Sweep(from) => self.sweep_round(from, now),
        }
    }

    /// The slow sweep: every round takes a sixteenth of the table, and all of them together a second
    /// or so. Where there are very many sessions a round takes less, and the next comes later: who
    /// sweeps takes processors from those who work.
    fn sweep_round(self: &Arc<Self>, from: u32, now: Moment) {
        let shards = Table::<C>::shards();
        let most = shards.div_ceil(SWEEP_ROUNDS).min(shards - from);
        let (mut done, mut took) = (0, Duration::ZERO);
        while done < most && took < ROUND_ENDS {
            self.sweep_shard(from + done, now);
            (done, took) = (done + 1, self.now().since(now));
        }
        // Once in all rounds, so that a disk that is full is not tried all the time. The engine's
        // clock drives it, so that a simulation can be replayed. P11.
        if from == 0
            && let Some(jots) = &self.jots
        {
            jots.again();
        }
        let next = What::Sweep((from + done) % shards);
        self.timer.arm(now.plus(pause(done, shards, took)), next);
    }

    fn sweep_shard(self: &Arc<Self>, shard: u32, now: Moment) {
        for session in self.table.sweep(shard) {
            if session.fall_asleep() == Sleep::Not {
                self.look_for_stuck(&session, now);
            }
        }
    }

    pub(crate) fn look_for_stuck(self: &Arc<Self>, session: &Arc<Session<C>>, now: Moment) {
        let config = self.config();
        let knobs = &config.engine;
        self.transition(session, now, |machine, cx| {
            (machine.look_for_stuck(knobs.stuck_after, knobs.stop_grace, cx), ())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sweep_takes_the_table_once_a_second_and_a_tenth_of_the_time_at_most() {
        let (most, shards) = (16, 256);
        assert_eq!(pause(most, shards, Duration::ZERO), SWEEP);
        assert_eq!(pause(most, shards, SWEEP / SHARE), SWEEP);
        // Few shards, since each has many sessions.
        let took = ROUND_ENDS * 2;
        assert_eq!(pause(1, shards, took), took * SHARE);
        assert_eq!(pause(1, shards, Duration::ZERO), SWEEP / most);
        assert_eq!(pause(1, shards, Duration::from_secs(3_600)), LONGEST * SHARE, "it was held up");
    }
}
