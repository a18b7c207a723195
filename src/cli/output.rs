//! Events as lines, by the names and fields of the protocol.

pub use laneq::{JsonBody as Body, REPLY_BYTES, json_millis as millis, json_quoted as quoted};
use laneq::{Message, Record, Reply, Run};

use super::writer::Line;

/// The line that tells of this event; none for the start, which the program writes itself.
pub fn line(record: &Record) -> Option<Line> {
    let body = record.event.json()?;
    let (name, fields) = (record.event.name(), body.fields());
    Some(Line { name, at: record.at, fields, record: record.seq })
}

/// The last reply of a run that has not ended yet.
pub fn last_reply(run: &Run, reply: &Reply) -> Body {
    let batch = run.batch();
    let last = batch.messages().last().map(laneq::Part::message);
    let ids: Vec<String> = batch.ids().iter().map(|id| quoted(&id.to_string())).collect();
    Body::new()
        .number("run", run.id().get())
        .text("key", run.key())
        .raw("messages", &format!("[{}]", ids.join(",")))
        .number("attempt", run.attempt().into())
        .said(last.and_then(Message::source), last.and_then(Message::meta), reply.text(), true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use laneq::{Event, Fate, MessageId, Outcome, Reason, RunId};

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
