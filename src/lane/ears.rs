//! Who tells a port what happens elsewhere: to its runs, and to what the host watches.

use super::notice::{About, Tagged};
use super::{Notice, Port};
use crate::model::{Error, RunId};
use crate::run::Receipt;
use crate::session::{Wake, Watch};
use crate::sync::{Arc, Weak};

struct RunEar {
    port: Weak<Port>,
    run: RunId,
}

impl Watch for RunEar {
    fn wake(&self, why: Wake) {
        let Some(port) = self.port.upgrade() else { return };
        let about = match why {
            Wake::Steer => About::Steer,
            Wake::Stop(cause) => About::Stop(cause),
            Wake::Settled => About::Waited,
        };
        port.tell(self.run, about);
    }
}

struct TagEar {
    port: Weak<Port>,
    tagged: Tagged,
    tag: u64,
}

impl Watch for TagEar {
    fn wake(&self, _: Wake) {
        if let Some(port) = self.port.upgrade() {
            port.tell_tag(self.tagged, self.tag);
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
        Ok(Arc::new(TagEar { port: Arc::downgrade(self), tagged, tag }))
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
