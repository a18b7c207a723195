//! `laneq inspect export`: messages as input lines.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use laneq::{JournalEntry, Message};

use super::args::Which;
use super::{Failed, age, each};
use crate::cli::output::Body;

pub fn export(to: &mut impl Write, journal: &Path, which: &Which) -> Result<(), Failed> {
    let now = SystemTime::now();
    each(journal, which, |entry| Ok(writeln!(to, "{}", line(entry, now))?))
}

/// Where it comes from, as JSON.
pub fn source(message: &Message) -> Option<String> {
    message.source().and_then(|source| serde_json::to_string(source).ok())
}

fn line(entry: &JournalEntry, now: SystemTime) -> String {
    let message = &entry.message;
    // What has waited too long expires at once, which its fate then tells.
    let left = |ttl: Duration| ttl.saturating_sub(age(entry, now)).max(Duration::from_millis(1));
    let whole = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Body::new()
        .maybe(message.id(), |body, id| body.text("id", id))
        .text("key", message.key())
        .maybe(source(message), |body, source| body.raw("source", &source))
        .text("text", message.text())
        .maybe(message.payload(), |body, json| body.raw("payload", json))
        .maybe(message.meta(), |body, json| body.raw("meta", json))
        .maybe(message.media(), |body, json| body.raw("media", json))
        .maybe(message.sender(), |body, sender| body.text("sender", sender))
        .maybe(Some(message.authority()).filter(|a| !a.is_empty()), |body, a| {
            body.text("authority", a)
        })
        .maybe(message.mode(), |body, mode| body.text("mode", mode.as_str()))
        .maybe(message.backlog(), |body, text| body.text("backlog", text))
        .maybe(message.lane(), |body, lane| body.text("lane", lane))
        .text("priority", message.priority().as_str())
        .maybe(message.ttl(), |body, ttl| body.number("ttl_ms", whole(left(ttl))))
        .maybe(message.deadline(), |body, time| body.number("deadline_ms", whole(time)))
        .maybe(message.attempts(), |body, n| body.number("attempts", n.into()))
        .object()
}
