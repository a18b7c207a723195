//! The run in progress, as its session sees it; and what waits beside the phase.

use super::batch::Batch;
use super::cell::Cell;
use super::entry::{Code, Kept};
use super::telling::{Wake, Watch};
use super::token::Token;
use crate::model::{Cause, LaneId, Outcome, RunId};
use crate::sync::Arc;
use crate::time::Moment;

/// What the session keeps of what its run works on, to give it a fate whoever ends the run.
pub(crate) enum Held<C> {
    /// A closure without a receipt: only the counters will know.
    Nothing,
    Closure(Arc<dyn Kept<C>>),
    Messages(Batch),
}

impl<C: Code> Held<C> {
    /// What is kept of this closure.
    #[inline]
    pub(crate) fn of(code: &C) -> Self {
        code.keep().map_or(Self::Nothing, Self::Closure)
    }

    /// Messages and closures in it.
    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Nothing | Self::Closure(_) => 1,
            Self::Messages(batch) => batch.len(),
        }
    }

    /// The message whose route and authority the run has; none for a closure.
    pub(crate) fn first(&self) -> Option<&Arc<Cell>> {
        match self {
            Self::Messages(batch) => Some(batch.first()),
            Self::Nothing | Self::Closure(_) => None,
        }
    }
}

/// Whether a run's inbox is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inbox {
    /// Declared so by its handler, or a closure: steers fall back.
    Never,
    Open,
    /// A phase that takes no steers: they are accepted, held and invisible.
    Held,
    /// The run has ended its inbox.
    Closed,
}

/// The run in progress.
pub(crate) struct Live<C> {
    pub(crate) id: RunId,
    pub(crate) lane: LaneId,
    pub(crate) held: Held<C>,
    pub(crate) started: Moment,
    /// The first cause wins.
    pub(crate) stop: Option<Cause>,
    pub(crate) inbox: Inbox,
    pub(crate) slot: SlotState,
    /// Waits in progress; the slot is lent while there is one.
    pub(crate) waits: u32,
    /// Low half of the admission number of a closure.
    pub(crate) number: u32,
    pub(crate) attempt: u32,
}

/// Whether a run holds a slot of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    Held,
    /// Lent while it waits for others.
    Lent,
}

/// What a run makes of a slot that was taken for it after a wait.
pub(crate) enum Regained {
    /// It has the slot, which somebody may have to hear.
    Held(Option<Waited>),
    /// It has no use for it: another thread of it waits again, or has taken one already.
    Spare,
}

/// The end of all waits that a run has begun so far.
pub(crate) struct Waited {
    heard: Arc<dyn Watch>,
    /// The last of them.
    number: u32,
}

impl Waited {
    pub(crate) fn tell(self) {
        self.heard.wake(Wake::Waited(self.number));
    }
}

/// The open calls of a run, by name, for whoever asks why it takes so long.
pub(crate) trait OpenCalls: Send + Sync {
    fn open_calls(&self) -> Vec<Arc<str>>;
}

/// The rarer parts of a run in progress.
#[derive(Default)]
pub(crate) struct Companions {
    pub(crate) deadline: Option<Moment>,
    /// Made on first use.
    pub(crate) token: Option<Token>,
    pub(crate) watch: Option<Arc<dyn Watch>>,
    pub(crate) calls: Option<Arc<dyn OpenCalls>>,
    /// Who hears that it waits no more, once it has waited without a thread.
    pub(crate) heard: Option<Arc<dyn Watch>>,
    /// Waits that it has begun since somebody hears of them.
    pub(crate) begun: u32,
    /// The last sign of life from the ledger.
    pub(crate) active: Option<Moment>,
    /// When its deadline stopped it.
    pub(crate) stopped_at: Option<Moment>,
    /// When `run.stuck` was last said.
    pub(crate) said_stuck: Option<Moment>,
    /// Non-empty takes so far.
    pub(crate) rounds: u32,
    /// Whether these were all that it may take: what is put back then stays for a turn.
    pub(crate) spent: bool,
    pub(crate) guard: Option<Guard>,
}

impl Companions {
    /// The run has its slot again: said to whoever hears of its waits.
    pub(crate) fn waited(&self) -> Option<Waited> {
        self.heard.clone().map(|heard| Waited { heard, number: self.begun })
    }
}

/// Steers that the run has taken and not yet committed.
pub(crate) struct Guard {
    pub(crate) id: u64,
    /// The thread that took them.
    pub(crate) owner: usize,
    pub(crate) cells: Vec<Arc<Cell>>,
}

/// A failed batch that will run again. It precedes everything but an interrupt.
pub(crate) struct Retry {
    pub(crate) batch: Batch,
    pub(crate) due: Moment,
    /// Of the attempt that failed.
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<Arc<str>>,
}
