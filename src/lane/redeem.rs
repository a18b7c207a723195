//! A ticket that the gate has promised becomes a run, or turns out to be good for nothing.

use crate::model::RunId;
use crate::run::{Closure, Session, Shared};
use crate::session::{Door, Grasp, Started, Tag, Ticket, Ticketed, Watch};
use crate::sync::Arc;
use crate::time::Moment;

/// What became of a ticket.
pub(super) struct Redeemed {
    pub(super) session: Arc<Session>,
    pub(super) ticket: Ticketed,
    pub(super) now: Moment,
    /// Nothing if it no longer fits: it is discarded.
    pub(super) started: Option<Started<Closure>>,
}

/// Takes the ticket out and claims its session for a run of this id. A port's run is watched.
#[inline]
pub(super) fn redeem(
    shared: &Arc<Shared>,
    door: &Arc<Door<Closure>>,
    id: RunId,
    grasp: Option<Grasp>,
    watch: Option<Arc<dyn Watch>>,
) -> Redeemed {
    let ageing = || (shared.now(), shared.config().engine.ageing);
    let (priority, ticket) = door.ready.take(grasp, ageing);
    let now = shared.now();
    door.leaves(&ticket);
    let Ticket { session, issued } = ticket;
    if let Some(issued) = issued {
        door.lane_wait.record(now.since(issued));
    }
    let ticket = Ticketed {
        tag: Tag { lane: door.id, priority },
        issued,
        warning: door.wait_warning(),
        inbox: door.inbox(),
        deadline: door.deadline(),
    };
    let mut started = None;
    shared.transition(&session, now, |m, cx| {
        let next = match watch {
            Some(watch) => m.claim_watched(&ticket, id, watch, &mut started, cx),
            None => m.claim(&ticket, id, &mut started, cx),
        };
        if started.is_some() {
            shared.begins(&session, id);
        }
        (next, ())
    });
    Redeemed { session, ticket, now, started }
}
