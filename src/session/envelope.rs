//! What the host sent, in its cell.

use std::ops::Deref;

use crate::model::Message;

/// A message, or nothing while its cell waits to be used again.
pub(crate) struct Envelope(Option<Message>);

impl Envelope {
    pub(super) fn new(message: Message) -> Self {
        Self(Some(message))
    }

    pub(crate) fn into_message(self) -> Message {
        self.0.expect("a message is taken out once")
    }

    /// Lets go of what the host sent. Its text's memory may be used again.
    pub(super) fn empty(&mut self) {
        if let Some(Message { text, .. }) = self.0.take() {
            text.leave();
        }
    }

    /// Takes the next message, once it was emptied.
    pub(super) fn fill(&mut self, message: Message) {
        let nothing = self.0.replace(message);
        debug_assert!(nothing.is_none(), "it was emptied");
        std::mem::forget(nothing);
    }
}

impl Deref for Envelope {
    type Target = Message;

    #[inline]
    fn deref(&self) -> &Message {
        self.0.as_ref().expect("a cell that somebody has is not emptied")
    }
}
