//! Runs that a run spawns: they go with a parent that ends other than done.

use super::receipt::Receipt;
use super::{Run, Session, Shared};
use crate::model::{Message, Reason, Refused};
use crate::session::{Cell, Origin, Registration};
use crate::sync::{Arc, Mutex};

/// The living children of one run.
pub(crate) struct Children {
    shared: Arc<Shared>,
    family: Mutex<Family>,
}

enum Family {
    Growing(Vec<(Arc<Session>, Arc<Cell>)>, Option<Registration>),
    /// The parent is stopped or has failed: whoever is born now is recalled at once.
    Cancelled,
}

impl Children {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared, family: Mutex::new(Family::Growing(Vec::new(), None)) }
    }

    /// Recalls every child: queued ones are withdrawn, running ones stopped, cause `parent`.
    pub(crate) fn cancel(&self) {
        let family = std::mem::replace(&mut *self.family.lock(), Family::Cancelled);
        if let Family::Growing(children, registration) = family {
            // The registration may be what calls us: it is let go without waiting.
            if let Some(registration) = registration {
                registration.forget();
            }
            for (session, cell) in children {
                self.recall(&session, &cell);
            }
        }
    }

    /// The parent is done: its children go on without it. Also ends the ring of token, callback
    /// and registration, which would hold the engine for ever.
    pub(crate) fn let_go(&self) {
        let mut family = self.family.lock();
        if let Family::Growing(children, registration) = &mut *family {
            let gone = (std::mem::take(children), registration.take());
            drop(family);
            // May wait for the callback, which takes the lock.
            drop(gone);
        }
    }

    fn recall(&self, session: &Arc<Session>, cell: &Arc<Cell>) {
        let now = self.shared.now();
        self.shared.transition(session, now, |m, cx| (m.recall(cell, cx), ()));
    }

    /// How many live; the dead are forgotten on the way.
    fn count(&self) -> usize {
        match &mut *self.family.lock() {
            Family::Growing(children, _) => {
                children.retain(|(_, cell)| cell.telling.get().is_none());
                children.len()
            }
            Family::Cancelled => 0,
        }
    }

    fn add(&self, session: Arc<Session>, cell: Arc<Cell>) {
        {
            let mut family = self.family.lock();
            if let Family::Growing(children, _) = &mut *family {
                children.push((session, cell));
                return;
            }
        }
        self.recall(&session, &cell);
    }
}

impl Run {
    /// Submits a message as this run's child. Without a lane it goes to `subagent` (from an
    /// isolated lane: to that lane). If this run ends other than done, a child that waits is
    /// withdrawn and one that runs is stopped, cause `parent`. Does not block.
    ///
    /// # Errors
    /// As a submit; also `Full` beyond `limits.spawn_depth` levels or `limits.children` living
    /// children, and `Isolated` for another lane than the isolated one of this run.
    pub fn spawn(&self, message: Message) -> Result<Receipt, Refused> {
        let children = self.rare().children.get_or_init(|| self.found_family());
        let limit = self.shared.config.limits.children;
        if children.count() >= limit {
            let detail = format!("run {} has {limit} living children: the bound", self.id);
            return Err(Refused::new(message, Reason::Full, detail));
        }
        let receipt = self.spawn_detached(message)?;
        if let Some(cell) = &receipt.cell {
            let session = self.shared.table.session_shared(&cell.message.key);
            children.add(session, Arc::clone(cell));
        }
        Ok(receipt)
    }

    fn found_family(&self) -> Arc<Children> {
        let children = Arc::new(Children::new(Arc::clone(&self.shared)));
        // A stop reaches the children at once, not only when the handler comes back.
        let heard = Arc::clone(&children);
        let registration = self.token().on_cancel(move |_| heard.cancel());
        if let Family::Growing(_, slot) = &mut *children.family.lock() {
            *slot = Some(registration);
        } else {
            // Stopped already: the callback has run.
        }
        children
    }

    /// As [`spawn`](Self::spawn), but the child outlives this run whatever becomes of it.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), without the bound on children.
    pub fn spawn_detached(&self, mut message: Message) -> Result<Receipt, Refused> {
        let depth = self.depth() + 1;
        let limit = self.shared.config.limits.spawn_depth;
        if depth > limit {
            let detail = format!("runs may spawn {limit} levels deep, this would be {depth}");
            return Err(Refused::new(message, Reason::Full, detail));
        }
        let door = self.shared.doors.get(self.lane);
        if message.lane.is_none() {
            let own = door.settings.isolated;
            message.lane = Some(if own { Arc::clone(&door.name) } else { "subagent".into() });
        }
        (self.crew.submit)(&self.shared, message, Origin::Run, depth)
    }
}
