//! Sessions with settings of their own: a bounded table. Its references pin their sessions, so
//! that an idle one keeps its settings.

use std::collections::HashMap;

use super::core::Session;
use crate::model::{Error, Knobs};
use crate::run::Shared;
use crate::sync::{Arc, Mutex};

#[derive(Default)]
pub(super) struct Overrides {
    /// One change at a time: it reads, pins and writes. Nothing else takes it, and no host code
    /// runs under it.
    turn: Mutex<()>,
    pinned: Mutex<HashMap<Arc<str>, Arc<Session>>>,
}

impl Overrides {
    /// Sets a session's own knobs to what `change` makes of them; none at all is a reset.
    pub(super) fn change(
        &self,
        shared: &Arc<Shared>,
        key: &str,
        change: impl FnOnce(&Knobs) -> Knobs,
    ) -> Result<(), Error> {
        let _turn = self.turn.lock();
        let session = shared.table.session(key);
        let before = session.lock().machine.own().cloned().unwrap_or_default();
        let own = change(&before);
        let own = (own != Knobs::default()).then(|| Box::new(own));
        let unpinned = self.pin(shared, &session, own.is_some())?;
        if let Some(jots) = &shared.jots {
            jots.knobs(key, own.as_deref());
        }
        session.lock().machine.set_own(own);
        drop(unpinned);
        Ok(())
    }

    /// Knobs that a journal has kept.
    #[cfg(feature = "journal")]
    pub(super) fn put_back(
        &self,
        shared: &Arc<Shared>,
        key: &str,
        knobs: Knobs,
    ) -> Result<(), Error> {
        let _turn = self.turn.lock();
        let session = shared.table.session(key);
        let unpinned = self.pin(shared, &session, true)?;
        session.lock().machine.set_own(Some(Box::new(knobs)));
        drop(unpinned);
        Ok(())
    }

    /// Pins or unpins; two locks of data are never held at once, so the session's comes after.
    fn pin(
        &self,
        shared: &Shared,
        session: &Arc<Session>,
        stays: bool,
    ) -> Result<Option<Arc<Session>>, Error> {
        let mut pinned = self.pinned.lock();
        if !stays {
            return Ok(pinned.remove(&session.key));
        }
        let most = shared.config().limits.overrides;
        if pinned.len() >= most && !pinned.contains_key(&session.key) {
            let text = format!("{most} sessions have settings of their own: the bound");
            return Err(Error::Full(text));
        }
        Ok(pinned.insert(Arc::clone(&session.key), Arc::clone(session)))
    }
}
