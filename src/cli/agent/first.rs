//! Messages as a jsonl agent reads them: the first line of a run, and steers.

use laneq::{MessageId, Part, Run, session_uuid};

use crate::cli::output::Body;

/// The first line that a jsonl agent reads.
pub fn line(run: &Run) -> String {
    let batch = run.batch();
    let messages: Vec<String> = batch.messages().map(message).collect();
    Body::new()
        .number("run", run.id().get())
        .text("key", run.key())
        .text("session", &session_uuid(run.key()))
        .text("lane", run.lane())
        .number("attempt", run.attempt().into())
        .text("text", batch.text())
        .raw("messages", &format!("[{}]", messages.join(",")))
        .number("summary_of", batch.summary_of().into())
        .maybe(run.transcript(), |body, path| body.text("transcript", &path.to_string_lossy()))
        .object()
}

/// One message or steer.
pub fn message(part: Part<'_>) -> String {
    let message = part.message();
    let source = message.source().and_then(|source| serde_json::to_string(source).ok());
    let id = match part.id() {
        MessageId::Given(id) => id.to_string(),
        id @ MessageId::Made(..) => id.to_string(),
    };
    let authority = Some(message.authority()).filter(|authority| !authority.is_empty());
    Body::new()
        .text("id", &id)
        .maybe(message.sender(), |body, sender| body.text("sender", sender))
        .maybe(authority, |body, authority| body.text("authority", authority))
        .maybe(source, |body, source| body.raw("source", &source))
        .text("text", &part.text())
        .maybe(message.payload(), |body, json| body.raw("payload", json))
        .maybe(message.media(), |body, json| body.raw("media", json))
        .maybe(message.meta(), |body, json| body.raw("meta", json))
        .maybe(part.seen().then_some(true), |body, seen| body.flag("seen", seen))
        .object()
}
