//! Events as JSON objects, by the names and fields of the protocol.

use super::body::JsonBody;
use crate::model::{Kept, Source};
use crate::sync::Arc;
use crate::watch::{Event, Record, Spoken};

/// Most bytes of a reply's text in an event; what is cut off is told by `truncated`.
pub const REPLY_BYTES: usize = 1 << 20;

impl Event {
    /// Its fields by the names of the protocol; none for the start, whose fields only the host
    /// knows. Needs the feature `json`.
    #[must_use]
    pub fn json(&self) -> Option<JsonBody> {
        body(self)
    }
}

impl Record {
    /// The whole event as one JSON object: `event`, `seq`, `t_ms` and its fields. Needs the
    /// feature `json`.
    #[must_use]
    pub fn json(&self) -> String {
        let head = JsonBody::new().text("event", self.event.name()).number("seq", self.seq);
        let fields = self.event.json().unwrap_or_default().fields();
        head.millis("t_ms", self.at).more(fields.get(1..).unwrap_or_default()).object()
    }
}

fn body(event: &Event) -> Option<JsonBody> {
    let body = JsonBody::new();
    Some(match event {
        Event::EngineStarted => return None,
        Event::EngineDraining => body,
        Event::Accepted { .. }
        | Event::Refused { .. }
        | Event::Queued { .. }
        | Event::Steered { .. }
        | Event::Promoted { .. }
        | Event::Fate { .. } => of_message(body, event),
        Event::LaneEnqueue { lane, key, depth } => body.ticket(lane, key, *depth),
        Event::LaneDequeue { lane, key, depth, wait }
        | Event::WaitExceeded { lane, key, depth, wait } => {
            body.ticket(lane, key, *depth).millis("wait_ms", *wait)
        }
        Event::Reply(spoken) => of_reply(body, spoken),
        Event::LaneSaturated { lane, ceiling } => {
            body.text("lane", lane).number("ceiling", (*ceiling).into())
        }
        Event::WorkerFailed { lane, error } => body.text("lane", lane).text("error", error),
        Event::SessionIdle { key } => body.key(key),
        Event::SessionShared { key, peers } => body.key(key).number("peers", (*peers).into()),
        Event::SummaryDiscarded { key, count } => body.key(key).number("count", (*count).into()),
        Event::Config { detail, .. } => body.text("detail", detail),
        Event::JournalFailed { error } => body.text("detail", error),
        Event::TranscriptFailed { key, error } => body.key(key).text("error", error),
        Event::CronSkipped { key, detail } => body.key(key).text("detail", detail),
        Event::Note { detail, .. } => inner(body, detail),
        event => of_run(body, event),
    })
}

fn of_message(body: JsonBody, event: &Event) -> JsonBody {
    match event {
        Event::Accepted { id, key, lane, placement, position, run, fallback } => body
            .id(id)
            .key(key)
            .text("lane", lane)
            .text("placement", placement.as_str())
            .number("position", (*position).into())
            .maybe(*run, JsonBody::run)
            .maybe(*fallback, |body, why| body.text("fallback", why.as_str())),
        Event::Refused { id, key, reason, detail } => body
            .maybe(id.as_ref(), JsonBody::id)
            .key(key)
            .text("reason", reason.as_str())
            .text("detail", detail),
        Event::Queued { id, key, depth } => body.id(id).key(key).number("depth", (*depth).into()),
        Event::Steered { id, run } | Event::Promoted { id, run } => body.id(id).run(*run),
        Event::Fate { id, key, fate, run, outcome, policy, kept } => body
            .id(id)
            .key(key)
            .text("fate", fate.as_str())
            .maybe(*run, JsonBody::run)
            .maybe(*outcome, |body, outcome| body.text("outcome", outcome.as_str()))
            .maybe(*policy, |body, policy| body.text("policy", policy.as_str()))
            .maybe(*kept, |body, kept| body.flag("kept", matches!(kept, Kept::Journal))),
        _ => body,
    }
}

fn of_run(body: JsonBody, event: &Event) -> JsonBody {
    match event {
        Event::RunStarted { run, key, lane, messages, attempt, summary_of, text } => body
            .run(*run)
            .key(key)
            .text("lane", lane)
            .messages(messages)
            .number("attempt", (*attempt).into())
            .number("summary_of", (*summary_of).into())
            .maybe(text.as_ref(), |body, text: &Arc<str>| body.text("text", text)),
        Event::Boundary { run, phase, call, verdict } => body
            .run(*run)
            .text("phase", phase.as_str())
            .maybe(call.as_ref(), |body, call: &Arc<str>| body.text("call", call))
            .text("verdict", verdict),
        Event::RunFinished { run, key, outcome, cause, took } => body
            .run(*run)
            .key(key)
            .text("outcome", outcome.as_str())
            .maybe(*cause, |body, cause| body.text("cause", cause.as_str()))
            .millis("run_ms", *took),
        Event::RunRetrying { run, key, attempt, delay } => {
            body.run(*run).key(key).number("attempt", (*attempt).into()).millis("delay_ms", *delay)
        }
        Event::RunStuck { run, key, calls, age } => body
            .run(*run)
            .key(key)
            .texts("calls", calls.iter().map(AsRef::as_ref))
            .millis("age_ms", *age),
        // An event of a later library goes out under its name.
        event => body.maybe(event.key(), JsonBody::key),
    }
}

fn of_reply(body: JsonBody, spoken: &Spoken) -> JsonBody {
    body.run(spoken.run)
        .key(&spoken.key)
        .messages(&spoken.messages)
        .number("attempt", spoken.attempt.into())
        .said(spoken.source(), spoken.meta(), spoken.reply.text(), spoken.last)
}

impl JsonBody {
    /// Adds what a run says, at most [`REPLY_BYTES`] of it, and where to send it.
    #[must_use]
    pub fn said(self, source: Option<&Source>, meta: Option<&str>, text: &str, last: bool) -> Self {
        let kept = &text[..text.floor_char_boundary(REPLY_BYTES)];
        let source = source.and_then(|source| serde_json::to_string(source).ok());
        self.maybe(source, |body, source| body.raw("source", &source))
            .maybe(meta, |body, meta| body.raw("meta", meta))
            .text("text", kept)
            .flag("final", last)
            .flag("truncated", kept.len() < text.len())
    }
}

/// The fields of a note's object.
fn inner(body: JsonBody, object: &str) -> JsonBody {
    let fields = object.strip_prefix('{').and_then(|object| object.strip_suffix('}'));
    match fields {
        Some("") => body,
        Some(fields) => body.more(fields),
        None => body.text("detail", object),
    }
}
