//! What a transition asks of its caller, who acts after unlock.

use std::time::Duration;

use super::batch::Batch;
use super::cell::Cell;
use super::entry::Item;
use super::live::{Companions, OpenCalls};
use super::overflow::LinesLike;
use super::telling::{Wake, Watch};
use super::token::Token;
use super::waiting::Waiting;
use crate::model::{Cause, Fallback, Fate, LaneId, Outcome, Policy, Priority, Reason, RunId};
use crate::sync::Arc;
use crate::time::Moment;
use crate::watch::{Draw, Placement};

/// Where a ticket belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) lane: LaneId,
    pub(crate) priority: Priority,
}

/// What becomes of the session's timer entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    Leave,
    /// A new entry.
    Arm(Moment),
    /// A new entry; the older one is stale.
    Rearm(Moment),
    /// Nothing is due any more: the entry is stale.
    GiveUp,
}

/// What the caller must do now that the session is at rest again.
#[must_use = "dropping this loses a wake-up, a fate or an event"]
pub(crate) struct Next<C> {
    pub(crate) ticket: Option<Tag>,
    pub(crate) alarm: Alarm,
    /// Everything rarer, made only when there is any.
    pub(crate) list: Option<Box<Effects<C>>>,
}

impl<C> Next<C> {
    #[inline]
    pub(crate) fn nothing() -> Self {
        Self { ticket: None, alarm: Alarm::Leave, list: None }
    }

    /// Whether nothing is asked for.
    #[inline]
    pub(crate) fn is_nothing(&self) -> bool {
        self.list.is_none() && self.ticket.is_none() && self.alarm == Alarm::Leave
    }

    /// Whether anything that waited has reached its fate.
    #[inline]
    pub(super) fn settles(&self) -> bool {
        let any = |list: &Effects<C>| !list.settled.is_empty() || list.waited.is_some();
        self.list.as_deref().is_some_and(any)
    }

    pub(crate) fn effects(&mut self) -> &mut Effects<C> {
        self.list.get_or_insert_default()
    }
}

/// The rarer consequences of a transition, in order.
pub(crate) struct Effects<C> {
    pub(crate) settled: Vec<Settlement<C>>,
    /// All that waited in the backlog, with the one fate that it has reached: after those above.
    pub(crate) waited: Option<(Waiting<C>, Fate)>,
    pub(crate) notes: Vec<Note>,
    /// The numbers of the notes, drawn before unlock.
    pub(crate) draws: Vec<Option<Draw>>,
    pub(crate) cancel: Option<(Token, Cause)>,
    pub(crate) wakes: Vec<(Arc<dyn Watch>, Wake)>,
    /// What an ended run leaves behind: the host's callbacks hang on it, so it is dropped after
    /// unlock. P7.
    pub(crate) remains: Vec<Companions>,
    /// Fates of closures without a receipt whose run was abandoned.
    pub(crate) lost_closures: Vec<Fate>,
    pub(crate) order_violations: u32,
    /// The lines about dropped messages, as a journal should know them from now on.
    pub(crate) lines: Option<Vec<LinesLike>>,
}

impl<C> Default for Effects<C> {
    fn default() -> Self {
        Self {
            settled: Vec::new(),
            waited: None,
            notes: Vec::new(),
            draws: Vec::new(),
            cancel: None,
            wakes: Vec::new(),
            remains: Vec::new(),
            lost_closures: Vec::new(),
            order_violations: 0,
            lines: None,
        }
    }
}

/// One message or closure with the fate that it has just reached.
pub(crate) struct Settlement<C> {
    pub(crate) item: Item<C>,
    pub(crate) fate: Fate,
    pub(crate) run: Option<RunId>,
    pub(crate) outcome: Option<Outcome>,
    /// What its last run said when it failed.
    pub(crate) error: Option<Arc<str>>,
}

impl<C> Settlement<C> {
    /// Of what no run has had.
    pub(crate) fn of_waiting(item: Item<C>, fate: Fate) -> Self {
        Self { item, fate, run: None, outcome: None, error: None }
    }
}

/// Something to tell the observers, by its bare facts; made only when somebody listens.
pub(crate) enum Note {
    Accepted {
        cell: Arc<Cell>,
        placement: Placement,
        position: u32,
        run: Option<RunId>,
        fallback: Option<Fallback>,
    },
    ClosureAccepted {
        number: u64,
        lane: LaneId,
        placement: Placement,
        position: u32,
    },
    Queued {
        cell: Arc<Cell>,
        depth: u32,
    },
    Steered {
        cell: Arc<Cell>,
        run: RunId,
    },
    Promoted {
        cell: Arc<Cell>,
        run: RunId,
    },
    Fate {
        cell: Arc<Cell>,
        fate: Fate,
        run: Option<RunId>,
        outcome: Option<Outcome>,
        policy: Option<Policy>,
    },
    ClosureFate {
        number: u64,
        fate: Fate,
        run: Option<RunId>,
        outcome: Option<Outcome>,
    },
    Dequeued {
        tag: Tag,
        wait: Duration,
    },
    /// The ticket had waited longer than its lane warns about.
    WaitExceeded {
        tag: Tag,
        wait: Duration,
    },
    Started {
        run: RunId,
        lane: LaneId,
        batch: Option<Batch>,
        number: u64,
        attempt: u32,
    },
    Said {
        run: RunId,
        batch: Batch,
        attempt: u32,
        reply: crate::model::Reply,
        last: bool,
    },
    Finished {
        run: RunId,
        outcome: Outcome,
        cause: Option<Cause>,
        took: Duration,
    },
    Retrying {
        run: RunId,
        attempt: u32,
        delay: Duration,
    },
    Stuck {
        run: RunId,
        calls: Option<Arc<dyn OpenCalls>>,
        age: Duration,
    },
    SummaryDiscarded {
        count: u32,
    },
    Idle,
}

/// Why a message was not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAdmitted {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// Where an admitted message landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) placement: Placement,
    /// Messages of its session that go before it.
    pub(crate) position: u32,
    /// The run that it steers.
    pub(crate) run: Option<RunId>,
    pub(crate) fallback: Option<Fallback>,
}
