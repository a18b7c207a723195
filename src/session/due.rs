//! What becomes due: timers of sessions and tokens, chores of others, and the slow sweep of the table.

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
    /// One round of the sweep that retires idle sessions and looks for stuck runs.
    Sweep,
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
            Self::Chore(_) | Self::Sweep => true,
        }
    }
}

/// Between two rounds of the sweep.
pub(crate) const SWEEP: std::time::Duration = std::time::Duration::from_millis(60);

/// Rounds that take the whole table.
pub(crate) const SWEEP_ROUNDS: u32 = 16;

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
            What::Sweep => self.sweep_round(now),
        }
    }

    /// The slow sweep: every round takes a sixteenth of the table, twice a second or so.
    fn sweep_round(self: &Arc<Self>, now: Moment) {
        let shards = Table::<C>::shards();
        let rounds = SWEEP_ROUNDS as usize;
        #[allow(clippy::cast_possible_truncation, reason = "the remainder is below 16")]
        let round = (u128::from(now.nanos()) / SWEEP.as_nanos() % rounds as u128) as usize;
        for shard in (round..shards).step_by(rounds) {
            for session in self.table.sweep(shard) {
                if session.fall_asleep() == Sleep::Not {
                    self.look_for_stuck(&session, now);
                }
            }
        }
        // Once in all rounds, so that a disk that is full is not tried all the time. The engine's
        // clock drives it, so that a simulation can be replayed. P11.
        if round == 0
            && let Some(jots) = &self.jots
        {
            jots.again();
        }
        self.timer.arm(now.plus(SWEEP), What::Sweep);
    }

    pub(crate) fn look_for_stuck(self: &Arc<Self>, session: &Arc<Session<C>>, now: Moment) {
        let config = self.config();
        let knobs = &config.engine;
        self.transition(session, now, |machine, cx| {
            (machine.look_for_stuck(knobs.stuck_after, knobs.stop_grace, cx), ())
        });
    }
}
