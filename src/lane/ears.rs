//! Who tells a port what happens elsewhere: to its runs, and to what the host watches.

use super::notice::{About, Tagged};
use super::port::Owed;
use super::{Notice, Port};
use crate::model::{Error, RunId};
use crate::run::Receipt;
use crate::session::{Wake, Watch};
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Weak};

struct RunEar {
    port: Weak<Port>,
    run: RunId,
}

impl Watch for RunEar {
    fn wake(&self, why: Wake) {
        let Some(port) = self.port.upgrade() else { return };
        match why {
            Wake::Steer => port.tell(self.run, About::Steer),
            Wake::Stop(cause) => port.tell(self.run, About::Stop(cause)),
            Wake::Waits(number) => port.waits(self.run, number, Owed::Yes),
            Wake::Blocks(number) => port.waits(self.run, number, Owed::No),
            Wake::Waited(number) => port.waited(self.run, number),
            // Of receipts, whose ears are others.
            Wake::Settled => {}
        }
    }
}

/// Counted from the start; once it is told, its notice is what counts.
struct TagEar {
    port: Weak<Port>,
    tagged: Tagged,
    tag: u64,
    /// Not 0 once it is told.
    told: AtomicU8,
}

impl Watch for TagEar {
    fn wake(&self, _: Wake) {
        if self.told.swap(1, Ordering::Relaxed) == 0
            && let Some(port) = self.port.upgrade()
        {
            port.tell_tag(self.tagged, self.tag);
        }
    }
}

impl Drop for TagEar {
    /// P9: it was replaced, or what it was to hear never comes; its place is free for another.
    fn drop(&mut self) {
        if self.told.load(Ordering::Relaxed) == 0
            && let Some(port) = self.port.upgrade()
        {
            port.uncount_watch();
        }
    }
}

impl Port {
    /// Hears what happens to a run.
    pub(super) fn ear(self: &Arc<Self>, run: RunId) -> Arc<dyn Watch> {
        Arc::new(RunEar { port: Arc::downgrade(self), run })
    }

    /// Hears of something that happens once, and tells it under the host's tag.
    pub(crate) fn tag_ear(
        self: &Arc<Self>,
        tagged: Tagged,
        tag: u64,
    ) -> Result<Arc<dyn Watch>, Error> {
        self.count_watch()?;
        let (port, told) = (Arc::downgrade(self), AtomicU8::new(0));
        Ok(Arc::new(TagEar { port, tagged, tag, told }))
    }

    /// Tells `Settled` under this tag, once, when the receipt has its fate.
    pub(crate) fn watch<T: Clone>(
        self: &Arc<Self>,
        receipt: &Receipt<T>,
        tag: u64,
    ) -> Result<(), Error> {
        let ear = self.tag_ear(Notice::Settled, tag)?;
        receipt.pending.watch(ear);
        Ok(())
    }
}
