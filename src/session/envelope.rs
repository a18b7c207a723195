//! What the host sent, beside its cell.

use std::ops::Deref;

use crate::model::Message;

/// A message in an allocation of its own, which stays with the cell when that is used again. Of at
/// most 120 bytes, as the cell.
pub(crate) struct Envelope(Box<Option<Message>>);

impl Envelope {
    pub(super) fn new(message: Message) -> Self {
        Self(Box::new(Some(message)))
    }

    pub(crate) fn into_message(self) -> Message {
        self.0.expect("a message is taken out once")
    }

    /// Lets go of what the host sent.
    pub(super) fn empty(&mut self) {
        *self.0 = None;
    }

    /// Takes the next message, once it was emptied.
    pub(super) fn fill(&mut self, message: Message) {
        let nothing = self.0.replace(message);
        debug_assert!(nothing.is_none(), "it was emptied");
        std::mem::forget(nothing);
    }

    /// The address of the message.
    pub(super) fn address(&self) -> *const u8 {
        std::ptr::from_ref(&*self.0).cast()
    }
}

impl Deref for Envelope {
    type Target = Message;

    #[inline]
    fn deref(&self) -> &Message {
        self.0.as_ref().as_ref().expect("a cell that somebody has is not emptied")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fits 120 bytes goes around the lock of glibc's arena.
    #[test]
    fn an_envelope_is_a_small_allocation() {
        assert!(size_of::<Option<Message>>() <= 120);
    }
}
