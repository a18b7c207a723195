//! What is known of the message that came first under its id.

use crate::model::Fate;
use crate::run::Receipt;
use crate::session::{Wake, Watch};
use crate::sync::Mutex;
use crate::sync::oneshot::Latch;

/// What is known of the message that came first.
#[derive(Default)]
pub(super) struct First {
    /// A leaf lock.
    pub(super) state: Mutex<State>,
    /// Set once it is decided whether the message is accepted.
    pub(super) decided: Latch,
}

#[derive(Default)]
pub(super) enum State {
    #[default]
    Claimed,
    /// It was refused, or its fate is one for which an id is forgotten.
    Forgotten,
    Landed(Receipt),
}

impl First {
    /// The receipt of the message that came first, unless its id is forgotten.
    pub(super) fn receipt(&self) -> Option<Receipt> {
        let receipt = match &*self.state.lock() {
            State::Landed(receipt) => receipt.clone(),
            State::Claimed | State::Forgotten => return None,
        };
        // Asked without the lock: the fate has a lock of its own.
        let fate = receipt.settled().map(|settled| settled.fate);
        fate.is_none_or(Fate::is_remembered).then_some(receipt)
    }
}

/// P9: once a message has its fate, its id is remembered without it.
impl Watch for First {
    fn wake(&self, _: Wake) {
        let slim = self.receipt().and_then(|receipt| {
            let settled = receipt.settled()?;
            Some(State::Landed(receipt.without_message(settled)))
        });
        let slim = slim.unwrap_or(State::Forgotten);
        // The message, if this is the last of it, is dropped after unlock.
        let before = std::mem::replace(&mut *self.state.lock(), slim);
        drop(before);
    }
}
