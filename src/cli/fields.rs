//! One input line: a message or a control, by the names of the protocol.

use std::time::Duration;

use laneq::{Message, RunId, Source};
use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

/// What a line asks for.
#[derive(Debug)]
pub enum Asked {
    /// Run this message; `at` is its time for a replay, in milliseconds.
    Message {
        message: Message,
        at: Option<u64>,
    },
    Control(Box<Control>),
}

/// A control, checked for its form only.
#[derive(Debug, Default)]
pub struct Control {
    pub control: String,
    /// JSON to be echoed.
    pub n: Option<Box<RawValue>>,
    pub id: Option<String>,
    pub key: Option<String>,
    pub run: Option<RunId>,
    pub lane: Option<String>,
    pub concurrency: Option<serde_json::Value>,
    pub ms: Option<u64>,
    /// The file of a reload.
    pub config: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageFields {
    key: Option<String>,
    source: Option<Source>,
    id: Option<String>,
    text: Option<String>,
    payload: Option<Box<RawValue>>,
    meta: Option<Box<RawValue>>,
    media: Option<Box<RawValue>>,
    sender: Option<String>,
    authority: Option<String>,
    mode: Option<String>,
    backlog: Option<String>,
    lane: Option<String>,
    priority: Option<String>,
    ttl_ms: Option<Number>,
    deadline_ms: Option<Number>,
    attempts: Option<Number>,
    expect_run: Option<Number>,
    at_ms: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlFields {
    control: String,
    n: Option<Box<RawValue>>,
    id: Option<String>,
    key: Option<String>,
    run: Option<Number>,
    lane: Option<String>,
    concurrency: Option<serde_json::Value>,
    ms: Option<Number>,
    config: Option<String>,
}

/// Reads one line; the error says what is wrong and where.
pub fn read(line: &[u8]) -> Result<Asked, String> {
    let text = std::str::from_utf8(line).map_err(|error| {
        format!("invalid UTF-8 at column {}: a line is UTF-8", error.valid_up_to() + 1)
    })?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err("not a JSON object: a line is one, in braces".to_owned());
    }
    if is_control(text) { control(text) } else { message(text) }
}

/// Whether the object has the field `control`: looked for only where the word is at all.
fn is_control(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Peek {
        #[serde(default)]
        control: Option<serde::de::IgnoredAny>,
    }
    text.contains("\"control\"")
        && serde_json::from_str::<Peek>(text).is_ok_and(|peek| peek.control.is_some())
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        // The line is known: only the column says more.
        error.to_string().replace("at line 1 column", "at column")
    })
}

fn control(text: &str) -> Result<Asked, String> {
    let fields: ControlFields = json(text)?;
    Ok(Asked::Control(Box::new(Control {
        control: fields.control,
        n: fields.n,
        id: fields.id,
        key: fields.key,
        run: whole("run", fields.run.as_ref())?.map(RunId::new),
        lane: fields.lane,
        concurrency: fields.concurrency,
        ms: whole("ms", fields.ms.as_ref())?,
        config: fields.config,
    })))
}

/// A whole number, 0 or more, named in its error.
fn whole(name: &str, number: Option<&Number>) -> Result<Option<u64>, String> {
    let Some(number) = number else { return Ok(None) };
    match number.as_u64() {
        Some(whole) => Ok(Some(whole)),
        None => Err(format!("{name} {number}: a whole number, 0 or more")),
    }
}

fn message(text: &str) -> Result<Asked, String> {
    let fields: MessageFields = json(text)?;
    let at = whole("at_ms", fields.at_ms.as_ref())?;
    if fields.key.is_none() && fields.source.is_none() {
        return Err("neither key nor source: give one of them".to_owned());
    }
    Ok(Asked::Message { message: build(fields)?, at })
}

/// Calls `with` if there is a value.
fn given<T>(
    message: Message,
    value: Option<T>,
    with: impl FnOnce(Message, T) -> Message,
) -> Message {
    match value {
        Some(value) => with(message, value),
        None => message,
    }
}

fn build(fields: MessageFields) -> Result<Message, String> {
    let numbers = Numbers::of(&fields)?;
    let words = |error: laneq::Error| error.to_string();
    let mode = fields.mode.as_deref().map(str::parse).transpose().map_err(words)?;
    let priority = fields.priority.as_deref().map(str::parse).transpose().map_err(words)?;
    if fields.media.as_ref().is_some_and(|media| !media.get().starts_with('[')) {
        return Err("media: a list of attachments".to_owned());
    }
    let raw = |value: Option<Box<RawValue>>| value.map(|json| Box::<str>::from(json.get()));
    // Without a key the engine makes it from the source.
    let message = Message::new(fields.key.unwrap_or_default(), fields.text.unwrap_or_default());
    let message = given(message, fields.source, Message::with_source);
    let message = given(message, fields.id, Message::with_id);
    let message = given(message, raw(fields.payload), Message::with_payload);
    let message = given(message, raw(fields.meta), Message::with_meta);
    let message = given(message, raw(fields.media), Message::with_media);
    let message = given(message, fields.sender, Message::with_sender);
    let message = given(message, fields.authority, Message::with_authority);
    let message = given(message, mode, Message::with_mode);
    let message = given(message, fields.backlog, Message::with_backlog);
    let message = given(message, fields.lane, Message::with_lane);
    let message = given(message, priority, Message::with_priority);
    Ok(numbers.into(message))
}

/// The fields that are numbers, checked.
struct Numbers {
    ttl: Option<Duration>,
    deadline: Option<Duration>,
    attempts: Option<u32>,
    expect_run: Option<RunId>,
}

impl Numbers {
    fn of(fields: &MessageFields) -> Result<Self, String> {
        let attempts = whole("attempts", fields.attempts.as_ref())?;
        Ok(Self {
            ttl: whole("ttl_ms", fields.ttl_ms.as_ref())?.map(Duration::from_millis),
            deadline: whole("deadline_ms", fields.deadline_ms.as_ref())?.map(Duration::from_millis),
            // Beyond 32 bits it is out of range in any case, which the engine says.
            attempts: attempts.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            expect_run: whole("expect_run", fields.expect_run.as_ref())?.map(RunId::new),
        })
    }

    fn into(self, message: Message) -> Message {
        let message = given(message, self.ttl, Message::with_ttl);
        let message = given(message, self.deadline, Message::with_deadline);
        let message = given(message, self.attempts, Message::with_attempts);
        given(message, self.expect_run, Message::with_expect_run)
    }
}

#[cfg(test)]
mod tests {
    use laneq::Mode;

    use super::*;

    fn error(line: &str) -> String {
        read(line.as_bytes()).expect_err("it is wrong")
    }

    #[test]
    fn a_message_has_every_field_of_the_protocol() {
        let line = r#"{"key":"k","text":"t","id":"i","sender":"s","authority":"a","mode":"steer",
            "lane":"cron","priority":"foreground","payload":{"a":1},"meta":[2],"media":[],
            "ttl_ms":5,"deadline_ms":6,"attempts":7,"expect_run":8,"backlog":"b","at_ms":9,
            "source":{"channel":"irc","kind":"group","group":"g"}}"#;
        let Ok(Asked::Message { message, at }) = read(line.as_bytes()) else {
            panic!("a message");
        };
        assert_eq!((message.key(), message.text(), at), ("k", "t", Some(9)));
        assert_eq!((message.mode(), message.payload()), (Some(Mode::Steer), Some(r#"{"a":1}"#)));
        assert_eq!((message.meta(), message.backlog()), (Some("[2]"), Some("b")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            (r#"{"key":"k","text":"t","colour":1}"#, "colour"),
            (r#"{"key":"k","text":"t","mode":"later"}"#, "unknown mode \"later\""),
            (r#"{"key":"k","text":"t","ttl_ms":-1}"#, "ttl_ms -1: a whole number"),
            (r#"{"key":"k","text":"t","at_ms":1.5}"#, "at_ms 1.5: a whole number"),
            (r#"{"key":"k","text":"t","media":{}}"#, "media: a list"),
            (r#"{"text":"t"}"#, "neither key nor source"),
            (r#"{"key":"k","text":"t"#, "EOF while parsing a string at column 20"),
            (r#"{"control":"stop","speed":1}"#, "speed"),
            ("5", "not a JSON object"),
            ("[\"k\"]", "not a JSON object"),
            ("hello", "not a JSON object"),
        ] {
            assert!(error(line).contains(word), "{line}: {}", error(line));
        }
        assert!(read(b"{\"key\":\"\xff\"}").is_err_and(|e| e.contains("UTF-8 at column 9")));
    }

    #[test]
    fn a_message_may_speak_of_control() {
        let line = r#"{"key":"k","text":"the \"control\" word","payload":{"control":1}}"#;
        assert!(matches!(read(line.as_bytes()), Ok(Asked::Message { .. })));
    }
}
