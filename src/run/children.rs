//! Runs that a run spawns: they go with a parent that ends other than done.

use super::receipt::Receipt;
use super::{Refused, Run, Session, Shared};
use crate::model::{Message, Reason};
use crate::session::{Cell, Origin, Registration};
use crate::sync::on::{acting_as, confined_to, kind};
use crate::sync::{Arc, Mutex};
use crate::watch::Room;

type Child = (Arc<Session>, Arc<Cell>);

/// The living children of one run.
pub(crate) struct Children {
    shared: Arc<Shared>,
    /// A leaf lock.
    family: Mutex<Family>,
}

#[derive(Default)]
struct Family {
    course: Course,
    living: Vec<Child>,
    /// Places of children that are being submitted.
    unborn: usize,
    registration: Option<Registration>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Course {
    #[default]
    Growing,
    /// The parent is stopped or has failed: whoever is born now is recalled at once.
    Cancelled,
}

impl Children {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, family: Mutex::default() }
    }

    /// Takes everybody and the registration out.
    fn empty(&self, course: Course) -> (Vec<Child>, Option<Registration>) {
        let mut family = self.family.lock();
        family.course = course;
        (std::mem::take(&mut family.living), family.registration.take())
    }

    /// Recalls every child: queued ones are withdrawn, running ones stopped, cause `parent`.
    pub(crate) fn cancel(&self) {
        let (living, registration) = self.empty(Course::Cancelled);
        // The registration may be what calls us: it is let go without waiting.
        if let Some(registration) = registration {
            registration.forget();
        }
        // The youngest first: what waits behind a sibling must not begin when that one is stopped.
        for (session, cell) in living.into_iter().rev() {
            self.recall(&session, &cell);
        }
    }

    /// The parent is done: its children go on without it. Also ends the ring of token, callback
    /// and registration, which would hold the engine for ever.
    pub(crate) fn let_go(&self) {
        // Dropped without the lock: it may wait for the callback, which takes the lock.
        drop(self.empty(Course::Growing));
    }

    fn recall(&self, session: &Arc<Session>, cell: &Arc<Cell>) {
        let now = self.shared.now();
        self.shared.transition(session, now, |m, cx| (m.recall(cell, cx), ()));
    }

    /// P9: takes a place for one more, which `add` or `give_place` gives back. The dead are
    /// forgotten on the way.
    fn take_place(&self, limit: usize) -> Room {
        let mut family = self.family.lock();
        family.living.retain(|(_, cell)| cell.telling.get().is_none());
        if family.living.len() + family.unborn >= limit {
            return Room::Full;
        }
        family.unborn += 1;
        Room::Taken
    }

    fn give_place(&self) {
        self.family.lock().unborn -= 1;
    }

    fn add(&self, session: Arc<Session>, cell: Arc<Cell>) {
        {
            let mut family = self.family.lock();
            family.unborn -= 1;
            if family.course == Course::Growing {
                family.living.push((session, cell));
                return;
            }
        }
        self.recall(&session, &cell);
    }

    /// Keeps the registration, unless the callback has run already.
    fn hears_by(&self, registration: Registration) {
        let mut family = self.family.lock();
        if family.course == Course::Growing {
            family.registration = Some(registration);
        } else {
            drop(family);
            registration.forget();
        }
    }
}

impl Run {
    /// Submits a message as this run's child. Without a lane it goes to that of its agent, else to
    /// `subagent` (from an isolated lane: to that lane). If this run ends other than done, a child that waits is
    /// withdrawn and one that runs is stopped, cause `parent`. Does not block, but for the commit
    /// where there is a journal.
    ///
    /// # Errors
    /// As a submit; also `Full` beyond `limits.spawn_depth` levels or `limits.children` living
    /// children, and `Isolated` for another lane than the isolated one of this run.
    pub fn spawn(&self, message: Message) -> Result<Receipt, Refused> {
        let children = self.rare().children.get_or_init(|| self.found_family());
        let limit = self.shared.config().limits.children;
        if children.take_place(limit) == Room::Full {
            let detail = format!("run {} has {limit} living children: the bound", self.id);
            return Err(Refused::told(&self.shared, message, Reason::Full, detail));
        }
        let receipt = self.spawn_detached(message).inspect_err(|_| children.give_place())?;
        match receipt.cell() {
            Some(cell) => {
                let session = self.shared.table.session_shared(&cell.message.key);
                children.add(session, cell);
            }
            None => children.give_place(),
        }
        Ok(receipt)
    }

    fn found_family(&self) -> Arc<Children> {
        let children = Arc::new(Children::new(Arc::clone(&self.shared)));
        // A stop reaches the children at once, not only when the handler comes back.
        let heard = Arc::clone(&children);
        let registration = self.token().on_cancel(move |_| heard.cancel());
        children.hears_by(registration);
        children
    }

    /// The lane of a child that names none: in an isolated lane that one; else the lane of the
    /// agent that its source names, or that this run works for; else `subagent`.
    fn lane_of_child(&self, message: &Message) -> Arc<str> {
        let door = self.shared.doors.get(self.lane);
        if door.settings().isolated {
            return Arc::clone(&door.name);
        }
        let config = self.shared.config();
        let own = self.batch.as_ref().and_then(|batch| batch.last().message.source());
        let agent = message.source().or(own).and_then(|source| config.agent_of(source));
        agent.and_then(|agent| agent.lane.as_deref()).unwrap_or("subagent").into()
    }

    /// As [`spawn`](Self::spawn), but the child outlives this run whatever becomes of it.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), without the bound on children.
    pub fn spawn_detached(&self, mut message: Message) -> Result<Receipt, Refused> {
        let depth = self.depth() + 1;
        let limit = self.shared.config().limits.spawn_depth;
        if depth > limit {
            let detail = format!("runs may spawn {limit} levels deep, this would be {depth}");
            return Err(Refused::told(&self.shared, message, Reason::Full, detail));
        }
        if message.lane.is_none() {
            message.lane = Some(self.lane_of_child(&message));
        }
        // Also on a thread of the host's that has pulled the run from an isolated lane.
        let isolated = self.shared.doors.get(self.lane).settings().isolated;
        let own = isolated.then_some(self.lane.0).or(confined_to());
        acting_as(kind(), own, || (self.crew.submit)(&self.shared, message, Origin::Run, depth))
    }
}
