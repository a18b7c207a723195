//! Whoever hears what the engine says about itself.

use super::Record;

/// Somebody who hears every event, in order, on the `laneq-events` thread.
///
/// It may call the engine, but not wait for it: `drain`, `close` and `receipt.wait` are refused
/// there. A panic is caught and counted; the observer goes on hearing.
pub trait Observer: Send + Sync {
    /// One event.
    fn on_event(&self, record: &Record);

    /// Whether `run.started` should carry the merged text. Default: no, since texts are private.
    fn wants_text(&self) -> bool {
        false
    }

    /// No event will come any more: the engine is closed. Default: nothing.
    fn on_end(&self) {}

    /// Whether it has stopped listening; it is let go then. Default: no.
    fn is_over(&self) -> bool {
        false
    }
}

impl<F: Fn(&Record) + Send + Sync> Observer for F {
    fn on_event(&self, record: &Record) {
        self(record);
    }
}
