//! From the engine to the transcript of a session, outside every lock.

use super::entry::Code;
use super::shared::Shared;
use crate::model::RunId;
use crate::store::Told;
use crate::sync::Arc;
use crate::watch::Event;

impl<C: Code> Shared<C> {
    /// Appends a record to a session's transcript, if there are transcripts. Called with no lock
    /// held: the disk may be slow. A failure is said, and the run goes on. P7.
    #[inline]
    pub(crate) fn transcribe<'a>(
        &self,
        key: &Arc<str>,
        run: RunId,
        told: impl FnOnce() -> Told<'a>,
    ) {
        let Some(transcripts) = &self.transcripts else { return };
        if let Some(error) = transcripts.write(key, run, self.clock.wall(), &told()) {
            self.say_untold(Arc::clone(key), error);
        }
    }

    #[cold]
    fn say_untold(&self, key: Arc<str>, error: String) {
        log::error!("transcripts cannot be written: {error}");
        self.bus.say(self.now(), || Event::TranscriptFailed { key, error });
    }
}
