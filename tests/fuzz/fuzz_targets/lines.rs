//! Bytes as the program's input: lines of bounded length, each a message, a control or an error that
//! says what is wrong. A message that is written down again, from what it says, is the same message.

#![no_main]
#![allow(dead_code, reason = "the program uses more of these files")]

#[path = "../../../src/cli/fields.rs"]
mod fields;
#[path = "../../../src/cli/lines.rs"]
mod lines;
#[path = "../plant.rs"]
mod plant;

use fields::Asked;
use laneq::{Message, Mode};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Most bytes of a line here.
const BOUND: usize = 2048;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A small buffer, so that lines are put together from several reads.
    let mut from = std::io::BufReader::with_capacity(7, bytes);
    let (mut line, mut seen) = (Vec::new(), 0);
    loop {
        match lines::next(&mut from, &mut line, BOUND).expect("memory does not fail") {
            lines::Next::End => break,
            lines::Next::TooLong => assert!(line.is_empty()),
            lines::Next::Line => {
                assert!(line.len() <= BOUND && !line.contains(&b'\n'));
                read(&line);
            }
        }
        seen += 1;
    }
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    let open = usize::from(!bytes.is_empty() && bytes.last() != Some(&b'\n'));
    assert_eq!(seen, ends + open, "every line is read once");
});

fn read(line: &[u8]) {
    match fields::read(line) {
        Err(error) => assert!(!error.trim().is_empty(), "an error without words"),
        Ok(Asked::Control(control)) => assert!(!format!("{control:?}").is_empty()),
        Ok(Asked::Message { message, at }) => {
            plant::panics(matches!(message.text().as_bytes(), [b'4'..=b'9']));
            let again = written(&message, at);
            match fields::read(again.as_bytes()) {
                Ok(Asked::Message { message: second, at: then }) => {
                    // The run that it expects cannot be asked for.
                    let expects = line.windows(10).any(|word| word == b"expect_run");
                    assert!(message == second || expects || escaped(line), "{again}");
                    assert_eq!(at, then);
                }
                other => panic!("{again}: {other:?}"),
            }
        }
    }
}

/// Whether a name may be written in another way.
fn escaped(line: &[u8]) -> bool {
    line.windows(2).any(|two| two == b"\\u")
}

/// A message as a line.
fn written(message: &Message, at: Option<u64>) -> String {
    let mut line = Map::new();
    let mut word = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            line.insert(name.to_owned(), Value::from(value));
        }
    };
    word("key", Some(message.key()).filter(|key| !key.is_empty() || message.source().is_none()));
    word("text", Some(message.text()));
    word("id", message.id());
    word("sender", message.sender());
    word("authority", Some(message.authority()).filter(|a| !a.is_empty()));
    word("mode", message.mode().map(Mode::as_str));
    word("lane", message.lane());
    word("priority", Some(message.priority().as_str()));
    word("backlog", message.backlog());
    let mut number = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            line.insert(name.to_owned(), Value::from(value));
        }
    };
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).expect("it was a number");
    number("ttl_ms", message.ttl().map(ms));
    number("deadline_ms", message.deadline().map(ms));
    number("attempts", message.attempts().map(u64::from));
    number("at_ms", at);
    if let Some(source) = message.source() {
        line.insert("source".to_owned(), serde_json::to_value(source).expect("plain data"));
    }
    // The host's own JSON is handed on as it is.
    let mut text = serde_json::to_string(&line).expect("plain data");
    text.pop();
    let raw = [
        ("payload", message.payload()),
        ("meta", message.meta()),
        ("media", message.media()),
    ];
    for (name, json) in raw {
        if let Some(json) = json {
            let json: &RawValue = serde_json::from_str(json).expect("it was JSON");
            text.push_str(&format!(",{name:?}:{json}"));
        }
    }
    text + "}"
}
