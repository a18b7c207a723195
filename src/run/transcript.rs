//! What a run tells the transcript of its session. Closures tell nothing.

use std::path::PathBuf;

use super::batch_view::Role;
use super::{CallResult, Code, Part, Run};
use crate::model::{Cause, Reply};
use crate::session::{Cell, Ended, Finished};
use crate::store::{Called, Json, Part as Line, Told};
use crate::sync::Arc;
use crate::time::Moment;

impl Run {
    /// The file of its session's transcript: an absolute path. None without `transcripts.dir`, and
    /// for a closure, which has no part in it.
    #[must_use]
    pub fn transcript(&self) -> Option<PathBuf> {
        self.batch.as_ref()?;
        self.shared.transcripts.as_ref().map(|all| all.path(&self.session.key))
    }

    /// Whether no run of its session was `done` yet, by the session's transcript, so that it also
    /// knows of the time before a restart. An agent with a memory of its own begins it then, and
    /// goes on with it afterwards. Without transcripts nobody knows, and the answer is no.
    ///
    /// Reads the file from its end, as far back as the last run that was done.
    #[must_use]
    pub fn is_new(&self) -> bool {
        let all = self.batch.as_ref().and(self.shared.transcripts.as_ref());
        all.is_some_and(|all| all.is_new(&self.session.key))
    }

    /// P1: what a run that was abandoned says is not written.
    fn transcribe<'a>(&'a self, told: impl FnOnce() -> Told<'a>) {
        let is_live = || self.session.signal() >> 8 == self.id.get();
        if self.shared.transcripts.is_some() && self.batch.is_some() && is_live() {
            self.shared.transcribe(&self.session.key, self.id, told);
        }
    }

    /// The run has begun.
    #[inline]
    pub(crate) fn transcribe_start(&self) {
        let batch = self.batch();
        self.transcribe(|| Told::Started {
            lane: self.lane(),
            attempt: self.attempt,
            messages: batch.messages().map(line).collect(),
            summary: batch.summary().collect(),
            summary_of: batch.summary_of(),
        });
    }

    /// Steers were delivered: also if the run has ended since.
    pub(super) fn transcribe_steers(&self, cells: &[Arc<Cell>]) {
        let part = |cell| line(Part { cell, role: Role::Steer });
        let told = || Told::Steered { messages: cells.iter().map(part).collect() };
        self.shared.transcribe(&self.session.key, self.id, told);
    }

    /// A plan was settled.
    pub(super) fn transcribe_calls(&self, results: &[CallResult]) {
        if !results.is_empty() {
            self.transcribe(|| Told::Called { results: results.iter().map(called).collect() });
        }
    }

    /// Something was said before the end.
    pub(super) fn transcribe_say(&self, text: &str) {
        self.transcribe(|| Told::Said { text });
    }

    /// The run has ended, unless it was abandoned before: then who did that has told it.
    #[inline]
    pub(crate) fn transcribe_end(&self, reply: Option<&Reply>, finished: &Finished, now: Moment) {
        let (shared, key) = (&self.shared, &self.session.key);
        if shared.transcripts.is_none() || self.batch.is_none() {
            return;
        }
        let Finished::Ended(ended) = finished else { return };
        if let Some(reply) = reply {
            shared.transcribe(key, self.id, || Told::Replied { text: reply.text() });
        }
        shared.transcribe(key, self.id, || told_end(ended, now));
    }
}

/// How a run ended.
pub(crate) fn told_end(ended: &Ended, now: Moment) -> Told<'_> {
    let micros = (now.since(ended.started).as_secs_f64() * 1e6).round();
    Told::Ended {
        outcome: ended.outcome.as_str(),
        cause: ended.cause.map(Cause::as_str),
        error: ended.error.as_deref(),
        run_ms: micros / 1e3,
        retry: ended.fate.is_none(),
    }
}

fn line(part: Part<'_>) -> Line<'_> {
    let message = part.message();
    Line {
        id: part.id().to_string(),
        sender: message.sender(),
        authority: Some(message.authority()).filter(|authority| !authority.is_empty()),
        source: message.source(),
        text: part.text(),
        payload: message.payload().map(Json),
        media: message.media().map(Json),
        meta: message.meta().map(Json),
        seen: part.seen().then_some(true),
    }
}

fn called(result: &CallResult) -> Called<'_> {
    Called {
        call: &result.call,
        state: result.state.as_str(),
        error: result.error,
        effects: result.effects.as_str(),
        code: result.code.map(Code::as_str),
        result: result.result.as_deref().map(Json),
    }
}
