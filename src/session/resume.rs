//! Runs that have waited for others want their slot back: before any ticket, first come, first served.

use super::gate::{Call, Gate};
use crate::sync::atomic::Ordering;
use crate::sync::oneshot::{Latch, Waited};
use crate::sync::{Arc, planted};

/// A run that wants its slot back.
pub(crate) trait Resume: Send + Sync {
    /// It has one. Called with no lock held; it never blocks.
    fn resumed(&self);
}

impl Resume for Latch {
    fn resumed(&self) {
        self.set();
    }
}

impl Gate {
    fn try_resume(&self) -> Waited {
        self.change(|word| {
            if !word.may_resume() {
                return Waited::TimedOut;
            }
            word.executing += 1;
            Waited::Set
        })
    }

    /// Blocks until a slot is taken again. A resumer goes before any ticket. P3, P8.
    pub(crate) fn resume(&self) -> Call {
        let latch = Arc::new(Latch::default());
        self.resume_by(Arc::clone(&latch) as Arc<dyn Resume>);
        let waited = latch.wait_until(None);
        assert_eq!(waited, Waited::Set, "a resumer waits until it is served");
        self.call_if_needed()
    }

    /// The same without a thread that waits: the resumer is told when it has a slot, on whichever
    /// thread frees one; at once, on this one, if there is one. It must look for whom to call then.
    pub(crate) fn resume_by(&self, resumer: Arc<dyn Resume>) {
        if planted!(AsksTooLate) {
            self.serve_resumers();
        }
        {
            let mut resumers = self.resumers.lock();
            resumers.push_back(resumer);
            // SeqCst: whoever frees a slot after this sees that somebody wants it; a slot that
            // was freed before it is found by the next line.
            self.resuming.fetch_add(1, Ordering::SeqCst);
        }
        if planted!(AsksTooLate) {
            return;
        }
        self.serve_resumers();
    }

    /// Hands free slots to those who wait for them.
    pub(crate) fn serve_resumers(&self) {
        while self.resuming.load(Ordering::SeqCst) > 0 {
            let Some(resumer) = self.next_resumer() else { return };
            resumer.resumed();
        }
    }

    /// The one who waits longest, if there is a slot for it.
    fn next_resumer(&self) -> Option<Arc<dyn Resume>> {
        let mut resumers = self.resumers.lock();
        if resumers.is_empty() || self.try_resume() == Waited::TimedOut {
            return None;
        }
        self.resuming.fetch_sub(1, Ordering::SeqCst);
        resumers.pop_front()
    }
}
