//! Events as JSON objects, by the names and fields of the protocol.

use std::sync::Arc;
use std::time::Duration;

use laneq::{Event, Message, MessageId, Record, Reply, Run, RunId, Source, Spoken};

use super::writer::Line;

/// Most bytes of a reply's text.
pub const REPLY_BYTES: usize = 1 << 20;

/// The fields of one JSON object, written in the order in which they are added.
#[derive(Debug, Default)]
pub struct Body(String);

impl Body {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field whose value is JSON already.
    pub fn raw(mut self, name: &str, json: &str) -> Self {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(json);
        self
    }

    pub fn text(self, name: &str, text: &str) -> Self {
        self.raw(name, &quoted(text))
    }

    pub fn number(self, name: &str, number: u64) -> Self {
        self.raw(name, &number.to_string())
    }

    pub fn flag(self, name: &str, flag: bool) -> Self {
        self.raw(name, if flag { "true" } else { "false" })
    }

    pub fn millis(self, name: &str, duration: Duration) -> Self {
        self.raw(name, &millis(duration))
    }

    pub fn texts<'a>(self, name: &str, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(quoted).collect();
        self.raw(name, &format!("[{}]", texts.join(",")))
    }

    /// Adds the field that `add` makes of the value, if there is one.
    pub fn maybe<T>(self, value: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => add(self, value),
            None => self,
        }
    }

    /// The fields, each after a comma, for a line that begins elsewhere.
    pub fn fields(self) -> String {
        self.0
    }

    /// The fields as an object of their own.
    pub fn object(mut self) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        self.0.replace_range(..1, "{");
        self.0.push('}');
        self.0
    }

    fn id(self, id: &MessageId) -> Self {
        match id {
            MessageId::Given(id) => self.text("id", id),
            id @ MessageId::Made(..) => self.text("id", &id.to_string()),
        }
    }

    fn run(self, run: RunId) -> Self {
        self.number("run", run.get())
    }

    fn key(self, key: &str) -> Self {
        self.text("key", key)
    }

    fn messages(self, ids: &[MessageId]) -> Self {
        let ids: Vec<String> = ids.iter().map(|id| quoted(&id.to_string())).collect();
        self.raw("messages", &format!("[{}]", ids.join(",")))
    }

    /// What a run says, and where to send it.
    fn said(self, source: Option<&Source>, meta: Option<&str>, text: &str, last: bool) -> Self {
        let kept = &text[..text.floor_char_boundary(REPLY_BYTES)];
        let source = source.and_then(|source| serde_json::to_string(source).ok());
        self.maybe(source, |body, source| body.raw("source", &source))
            .maybe(meta, |body, meta| body.raw("meta", meta))
            .text("text", kept)
            .flag("final", last)
            .flag("truncated", kept.len() < text.len())
    }

    fn ticket(self, lane: &str, key: &str, depth: u32) -> Self {
        self.text("lane", lane).key(key).number("depth", depth.into())
    }
}

/// A string as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

/// Milliseconds with three decimals.
pub fn millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// The line that tells of this event; none for the start, which the program writes itself.
pub fn line(record: &Record) -> Option<Line> {
    let body = body(&record.event)?;
    let (name, fields) = (record.event.name(), body.fields());
    Some(Line { name, at: record.at, fields, record: record.seq })
}

fn body(event: &Event) -> Option<Body> {
    let body = Body::new();
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
        Event::CronSkipped { key, detail } => body.key(key).text("detail", detail),
        Event::TranscriptFailed { key, error } => body.key(key).text("error", error),
        Event::Note { detail, .. } => inner(body, detail),
        event => of_run(body, event),
    })
}

fn of_message(body: Body, event: &Event) -> Body {
    match event {
        Event::Accepted { id, key, lane, placement, position, run, fallback } => body
            .id(id)
            .key(key)
            .text("lane", lane)
            .text("placement", placement.as_str())
            .number("position", (*position).into())
            .maybe(*run, Body::run)
            .maybe(*fallback, |body, why| body.text("fallback", why.as_str())),
        Event::Refused { id, key, reason, detail } => body
            .maybe(id.as_ref(), Body::id)
            .key(key)
            .text("reason", reason.as_str())
            .text("detail", detail),
        Event::Queued { id, key, depth } => body.id(id).key(key).number("depth", (*depth).into()),
        Event::Steered { id, run } | Event::Promoted { id, run } => body.id(id).run(*run),
        Event::Fate { id, key, fate, run, outcome, policy, kept } => body
            .id(id)
            .key(key)
            .text("fate", fate.as_str())
            .maybe(*run, Body::run)
            .maybe(*outcome, |body, outcome| body.text("outcome", outcome.as_str()))
            .maybe(*policy, |body, policy| body.text("policy", policy.as_str()))
            .maybe(*kept, |body, kept| body.flag("kept", matches!(kept, laneq::Kept::Journal))),
        _ => body,
    }
}

fn of_run(body: Body, event: &Event) -> Body {
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
        event => body.maybe(event.key(), Body::key),
    }
}

fn of_reply(body: Body, spoken: &Spoken) -> Body {
    let body = body.run(spoken.run).key(&spoken.key).messages(&spoken.messages);
    let body = body.number("attempt", spoken.attempt.into());
    body.said(spoken.source(), spoken.meta(), spoken.reply.text(), spoken.last)
}

/// The last reply of a run that has not ended yet.
pub fn last_reply(run: &Run, reply: &Reply) -> Body {
    let batch = run.batch();
    let last = batch.messages().last().map(laneq::Part::message);
    let body = Body::new().run(run.id()).key(run.key()).messages(&batch.ids());
    let body = body.number("attempt", run.attempt().into());
    body.said(last.and_then(Message::source), last.and_then(Message::meta), reply.text(), true)
}

/// The fields of a note's object.
fn inner(body: Body, object: &str) -> Body {
    let fields = object.strip_prefix('{').and_then(|object| object.strip_suffix('}'));
    match fields {
        Some("") => body,
        Some(fields) => Body(body.0 + "," + fields),
        None => body.text("detail", object),
    }
}

#[cfg(test)]
mod tests {
    use laneq::{Fate, Outcome, Reason};

    use super::*;

    fn written(event: Event) -> serde_json::Value {
        let record = Record { seq: 1, at: Duration::from_micros(1_234_567), event };
        let line = line(&record).expect("this event has a line");
        let mut text = String::new();
        line.write(7, &mut text);
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text}");
        serde_json::from_str(&text).expect("a line is JSON")
    }

    #[test]
    fn a_line_begins_with_its_name_number_and_time() {
        let line = written(Event::EngineDraining);
        assert_eq!(
            line,
            serde_json::json!({"event": "engine.draining", "seq": 7, "t_ms": 1234.567})
        );
    }

    #[test]
    fn a_fate_has_the_fields_that_apply_and_no_others() {
        let line = written(Event::Fate {
            id: MessageId::Made(3, 9),
            key: "a\nb".into(),
            fate: Fate::Ran,
            run: Some(RunId::new(5)),
            outcome: Some(Outcome::Done),
            policy: None,
            kept: None,
        });
        assert_eq!(
            line,
            serde_json::json!({
                "event": "message.fate", "seq": 7, "t_ms": 1234.567, "id": "m3.9",
                "key": "a\nb", "fate": "ran", "run": 5, "outcome": "done"
            })
        );
    }

    #[test]
    fn a_refusal_without_an_id_has_none() {
        let line = written(Event::Refused {
            id: None,
            key: "k".into(),
            reason: Reason::UnknownLane,
            detail: "no lane \"x\"".into(),
        });
        assert_eq!(line["reason"], "unknown_lane");
        assert!(line.get("id").is_none());
    }

    #[test]
    fn the_object_of_a_note_becomes_the_fields_of_its_line() {
        let detail = Body::new().number("n", 4).text("result", "x").object();
        let line = written(Event::Note { name: "control.done", detail });
        assert_eq!((&line["event"], &line["n"]), (&"control.done".into(), &4.into()));
        let skipped = written(Event::CronSkipped { key: "cron:a".into(), detail: "skipped" });
        assert_eq!((&skipped["key"], &skipped["detail"]), (&"cron:a".into(), &"skipped".into()));
        let empty = written(Event::Note { name: "stats", detail: Body::new().object() });
        assert_eq!(empty["event"], "stats");
    }
}
