//! What is asked of a message before its session is.

use super::submit::{No, check, lane_of, no, take_room};
use crate::config::Config;
use crate::ingress::{Claim, Dedupe, Entered};
use crate::model::{LaneId, Message, Reason};
use crate::run::{Closure, Receipt, Shared};
use crate::session::Door;
use crate::sync::Arc;

/// A message that may be admitted, if its session agrees; room in the engine is taken for it.
pub(super) struct Ready<'a> {
    pub(super) door: &'a Arc<Door<Closure>>,
    /// The host's line about it, should it have to give way.
    pub(super) summary: Option<Box<str>>,
    /// Of its id.
    pub(super) claim: Option<Claim>,
}

impl<'a> Ready<'a> {
    pub(super) fn of(
        shared: &'a Shared,
        config: &Config,
        dedupe: &'a Arc<Dedupe>,
        message: &Message,
        known: Option<LaneId>,
    ) -> Result<Self, No> {
        check(&config.limits, message)?;
        let door = lane_of(shared, message, known)?;
        // P7: the host's words come before the claim, for whose end others may wait.
        let summary = shared.summarize(message);
        let claim = match dedupe.enter(&config.inbound, message, || shared.now()) {
            Entered::Exempt => None,
            Entered::First(claim) => Some(claim),
            Entered::Duplicate(first) => return Err(duplicate(message, first)),
            Entered::Undecided => return Err(undecided(message)),
        };
        take_room(shared, message.bytes() as u64)?;
        Ok(Self { door, summary, claim })
    }
}

fn undecided(message: &Message) -> No {
    let id = message.id().unwrap_or_default();
    let detail = format!(
        "a message of id {id:?} is on its way, and on the journal's own thread nobody can wait for it"
    );
    no(Reason::Journal, detail)
}

fn duplicate(message: &Message, first: Receipt) -> No {
    let id = message.id().unwrap_or_default();
    let detail = format!("id {id:?} came over this route a short while ago: see its first receipt");
    let mut no = no(Reason::Duplicate, detail);
    no.first = Some(Box::new(first));
    no
}
